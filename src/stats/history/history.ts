import { setImmediate as nextTurn } from "node:timers/promises";
import { type Reading, SampleEncoder } from "../encoding/sample-encoder.ts";
import { ALL_GROUPS } from "../values/schema.ts";
import { RecordedKernel } from "./recorded-kernel.ts";
import type { StatisticsRecording } from "./recording.ts";
import { decodeRows } from "./rows.ts";

/** A full sample, then so many differences at most. */
const DIFFERENCES = 19;

/** Each costs some milliseconds under an emulator; then it is somebody else's turn. */
const SAMPLES_IN_A_TURN = 4;

/**
 * The statistics of the last ten minutes, for somebody who comes late and asks what happened before: made from what the
 * addon has recorded when it is asked for.
 */
export class History {
  readonly #recording: Pick<StatisticsRecording, "read">;

  constructor(recording: Pick<StatisticsRecording, "read">) {
    this.#recording = recording;
  }

  /**
   * What was taken after a time of the monotonic clock, as Messages (proto/stats.proto): a full sample, then differences
   * with a full sample now and then.
   *
   * @param afterUs microseconds.
   */
  async *since(afterUs: number): AsyncGenerator<Buffer, void> {
    const encoder = new SampleEncoder();
    let kernel: RecordedKernel | undefined;
    let base: Reading | undefined;
    let [samples, differences] = [0, 0];
    for (const row of decodeRows(this.#recording.read())) {
      if (row.monotonicUs <= afterUs) continue;
      // With the same sources what it knows of devices and counters goes on.
      if (kernel?.isOf(row.description) !== true) kernel = new RecordedKernel(row.description);
      const reading = kernel.read(row);
      const { frame, isDelta } = encoder.message({
        ...{ reading, groups: ALL_GROUPS, lost: 0 },
        base: differences < DIFFERENCES ? base : undefined,
      });
      base = reading;
      differences = isDelta ? differences + 1 : 0;
      yield frame;
      samples += 1;
      if (samples % SAMPLES_IN_A_TURN === 0) await nextTurn();
    }
  }
}
