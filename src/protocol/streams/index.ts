/** Byte streams that survive a broken link: whoever reads one comes back and goes on at an offset. */
export type { ReplaySource } from "./replay-source.ts";
export { type Departure, type ReaderKind, ReplayStream, type StreamSink } from "./replay-stream.ts";
