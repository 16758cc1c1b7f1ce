/** Recordings of statistics in files: proto/recording.proto. */
export { type Recorded, readRecording } from "./read-recording.ts";
export { type RecordedContainer, RecordingWriter } from "./recording-writer.ts";
