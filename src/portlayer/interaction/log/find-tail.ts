import { LogDecoder, MAX_FRAME_BYTES } from "../../../protocol/log/index.ts";
import type { LogFiles } from "./log-files.ts";

/** What is read at once, from the end backwards. */
const BLOCK_BYTES = 256 * 1024;

/**
 * Where the last `lines` lines of a log begin, by their first records; 0 when there are no more than these. Reads
 * from the end, and no more than it needs.
 *
 * @param size of the log, which may have grown since.
 */
export async function findTail(files: LogFiles, lines: number, size: number): Promise<number> {
  if (lines === 0) return size;
  let missing = lines;
  for (let end = size; end > 0; end -= BLOCK_BYTES) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const starts = await lineStarts(files, start, end, size);
    const found = starts.at(-missing);
    if (found !== undefined) return found;
    missing -= starts.length;
  }
  return 0;
}

/** The offsets of the records from `start` to `end` with which a line begins; the last may go on behind `end`. */
async function lineStarts(files: LogFiles, start: number, end: number, size: number): Promise<number[]> {
  const starts: number[] = [];
  const decoder = new LogDecoder(start);
  const limit = Math.min(size, end + MAX_FRAME_BYTES);
  for (let position = start; position < limit; ) {
    const chunk = await files.read(position, limit - position);
    if (chunk === undefined) break;
    position += chunk.length;
    for (const { record, start: at } of decoder.push(chunk))
      if (at < end && record.output && !record.output.continued) starts.push(at);
  }
  for (const { record, start: at } of decoder.end())
    if (at < end && record.output && !record.output.continued) starts.push(at);
  return starts;
}
