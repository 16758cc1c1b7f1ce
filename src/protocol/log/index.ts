/**
 * The records of a container's log, as they stand in its file: the guest writes them, the host finds them again,
 * behind damages too.
 */
export {
  encodeLogRecord,
  encodeTime,
  MAX_OUTPUT_BYTES,
  MAX_OUTPUT_OVERHEAD,
  type OutputPart,
  writeOutputRecord,
} from "./encode-record.ts";
export { MAX_FRAME_BYTES, MAX_RECORD_BYTES } from "./frame.ts";
export { LogDecoder, type PlacedRecord } from "./log-decoder.ts";
