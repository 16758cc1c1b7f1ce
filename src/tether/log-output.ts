import { MAX_OUTPUT_BYTES, type OutputPart } from "../protocol/log/index.ts";

const NEWLINE = 0x0a;

/** What has arrived of a stream at one time, on its way into records. */
export interface ArrivedOutput {
  readonly stream: StreamState;
  readonly chunk: Buffer;
  /** Where the chunk begins in its stream. */
  readonly offset: number;
  /** Where the next record's output starts. */
  cursor: number;
  /** As encodeTime gives it. */
  readonly time: Uint8Array;
  readonly done: () => void;
}

/** Where a stream is. */
export interface StreamState {
  readonly name: "stdout" | "stderr";
  /** The last record did not end with a newline. */
  isWithinLine: boolean;
}

/** The next record: a line with its newline, or as much of it as has arrived. */
export function nextPart({ stream, chunk, offset, cursor, time }: ArrivedOutput): OutputPart {
  const newline = chunk.indexOf(NEWLINE, cursor);
  const lineEnd = newline === -1 ? chunk.length : newline + 1;
  const end = Math.min(lineEnd, cursor + MAX_OUTPUT_BYTES);
  return {
    time,
    stream: stream.name,
    isPartial: newline === -1 || end < lineEnd,
    isContinued: stream.isWithinLine,
    source: chunk,
    start: cursor,
    end,
    position: offset + cursor + 1,
  };
}

/** @returns true when nothing of the chunk is left. */
export function passPart(output: ArrivedOutput, part: OutputPart): boolean {
  output.stream.isWithinLine = part.isPartial;
  output.cursor = part.end;
  return part.end === output.chunk.length;
}
