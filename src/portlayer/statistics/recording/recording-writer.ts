import { closeSync, openSync, writeSync } from "node:fs";
import { hasCode, TetherError } from "../../../protocol/errors/index.ts";
import { tether } from "../../../protocol/generated/recording.js";
import { encodeDelimited } from "../../../protocol/length-delimited.ts";
import type { Sample } from "../sample-shape.ts";
import { encodeSample } from "./encode-sample.ts";

/** By this a recording is known. */
export const RECORDING_KIND = "tether statistics";
/** Of proto/recording.proto. */
export const RECORDING_VERSION = 1;

/** Whose samples are recorded. */
export interface RecordedContainer {
  readonly id: string;
  readonly name: string;
  readonly image: string;
}

/** Appends to a recording of statistics; ends with its disposal. Each entry is written as a whole, and at once. */
export class RecordingWriter implements Disposable {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #numbers = new Map<string, number>();

  /**
   * Begins a recording. A file that is there stays as it is: what somebody has recorded is not lost to a slip.
   *
   * @throws TetherError `invalid-option` when there is such a file, or none can be made.
   */
  constructor(path: string, startedMs: number = Date.now()) {
    this.#path = path;
    this.#descriptor = openNew(path);
    this.#append({
      header: { kind: RECORDING_KIND, version: RECORDING_VERSION, startedUs: Math.round(startedMs * 1000) },
    });
  }

  /** @throws TetherError `no-space`, `state-not-writable`. */
  add(container: RecordedContainer, sample: Sample, receivedMs: number = Date.now()): void {
    let number = this.#numbers.get(container.id);
    if (number === undefined) {
      number = this.#numbers.size + 1;
      this.#numbers.set(container.id, number);
      const { id, name, image } = container;
      this.#append({ container: { number, id, name, image } });
    }
    this.#append({
      recorded: {
        container: number,
        receivedUs: Math.round(receivedMs * 1000),
        sample: encodeSample(sample),
      },
    });
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }

  #append(entry: tether.recording.Entry.$Properties): void {
    const bytes = encodeDelimited(tether.recording.Entry.encode(entry).finish());
    try {
      if (writeSync(this.#descriptor, bytes) < bytes.length)
        throw new TetherError("no-space", `${this.#path}: the disk is full`);
    } catch (error) {
      const code = hasCode(error, "ENOSPC", "EDQUOT") ? "no-space" : "state-not-writable";
      throw TetherError.from(error, code, `writing ${this.#path}`);
    }
  }
}

function openNew(path: string): number {
  try {
    return openSync(path, "ax");
  } catch (error) {
    if (hasCode(error, "EEXIST"))
      throw new TetherError("invalid-option", `${path} is there already: a recording begins a new file`);
    throw TetherError.from(error, "invalid-option", `--record ${path}`);
  }
}
