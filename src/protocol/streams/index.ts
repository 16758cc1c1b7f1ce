/** Byte streams that survive a broken link: whoever reads one comes back and goes on at an offset. */
export { type StreamSink, ReplayStream } from "./replay-stream.ts";
