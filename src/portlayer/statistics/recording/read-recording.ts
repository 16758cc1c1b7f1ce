import { createReadStream } from "node:fs";
import { TetherError } from "../../../protocol/errors/index.ts";
import { tether } from "../../../protocol/generated/recording.js";
import { DelimitedDecoder } from "../../../protocol/length-delimited.ts";
import { decodeSampleMessage } from "../../../protocol/stats-messages.ts";
import { readSample } from "../read-sample.ts";
import type { Sample } from "../sample-shape.ts";
import { type RecordedContainer, RECORDING_KIND, RECORDING_VERSION } from "./recording-writer.ts";

type Entry = tether.recording.Entry.$Properties;

/** One sample of a recording. */
export interface Recorded {
  readonly container: RecordedContainer;
  /** When it reached the host: milliseconds since 1970. */
  readonly receivedMs: number;
  readonly sample: Sample;
}

/** What has been read so far. */
interface Progress {
  hasHeader: boolean;
  readonly containers: Map<number, RecordedContainer>;
}

/**
 * Reads a recording from its beginning, entry by entry. An entry at its end that was not written whole is left out.
 *
 * @throws TetherError `recording-invalid` for a file that is none, of a later version, or damaged: after what was
 *   before the damage. `file-not-found`.
 */
export async function* readRecording(path: string): AsyncGenerator<Recorded> {
  const progress: Progress = { hasHeader: false, containers: new Map() };
  const decoder = new DelimitedDecoder();
  for await (const chunk of chunksOf(path)) {
    try {
      for (const bytes of decoder.push(chunk)) {
        const recorded = readEntry(tether.recording.Entry.decode(bytes), progress);
        if (recorded !== undefined) yield recorded;
      }
    } catch (error) {
      throw invalid(path, progress, error);
    }
  }
  if (!progress.hasHeader) throw invalid(path, progress, new Error("it is empty"));
}

async function* chunksOf(path: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(path) as AsyncIterable<Buffer>;
  } catch (error) {
    throw TetherError.from(error, "file-not-found", path);
  }
}

function readEntry({ header, container, recorded }: Entry, progress: Progress): Recorded | undefined {
  if (!progress.hasHeader) {
    if (header?.kind !== RECORDING_KIND) throw new Error("it does not begin as one");
    if ((header.version ?? 0) > RECORDING_VERSION) throw new Error(`it is of version ${header.version}`);
    progress.hasHeader = true;
  }
  if (container) {
    const { number, id, name, image } = container;
    progress.containers.set(number ?? 0, {
      id: printable(id ?? ""),
      name: printable(name ?? ""),
      image: printable(image ?? ""),
    });
  }
  if (!recorded) return undefined;
  const of = progress.containers.get(recorded.container ?? 0);
  if (of === undefined) throw new Error("it has a sample of a container that it does not name");
  const receivedMs = (recorded.receivedUs ?? 0) / 1000;
  return {
    container: of,
    receivedMs,
    sample: readSample(decodeSampleMessage(recorded.sample ?? new Uint8Array()), undefined),
  };
}

function invalid(path: string, { hasHeader }: Progress, cause: unknown): TetherError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const what = hasHeader ? "is damaged" : "is no recording of statistics";
  return new TetherError("recording-invalid", `${path} ${what}: ${reason}`, { cause });
}

/** Whoever made the file may have written anything. */
function printable(text: string): string {
  return text.slice(0, 256).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}
