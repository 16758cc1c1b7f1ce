import { TetherError } from "../errors/index.ts";
import { tether } from "../generated/config.js";

/** A document is a few KiB; the environment may add ARG_MAX's 2 MiB. More is an attack. */
export const MOST_DOCUMENT_BYTES = 4 * 1024 * 1024;

/** What the text of the largest document has, also when it could not be compressed (RFC 1952, RFC 4648). */
const MOST_TEXT_BYTES = Math.ceil((MOST_DOCUMENT_BYTES + 1024) / 3) * 4;

/** The base64 of gzip's first three bytes; as protobuf it would be a group, which no message of ours has. */
const TEXT_BEGIN = "H4sI";

/**
 * Reads a document in any of its forms: protobuf, gzip of that (RFC 1952), or base64 of gzip (RFC 4648 section 4, in
 * one line). What it says is not looked at; fields that proto/config.proto does not know are left out.
 *
 * @throws TetherError `configuration-invalid` when it is none.
 */
export async function readDocument(bytes: Uint8Array): Promise<tether.config.Config> {
  const message = await readMessage(bytes);
  try {
    return tether.config.Config.decode(message);
  } catch (error) {
    throw TetherError.from(error, "configuration-invalid", "it is no protobuf");
  }
}

/**
 * The protobuf of a document in any of its forms.
 *
 * @throws TetherError `configuration-invalid`, also for more than {@link MOST_DOCUMENT_BYTES}.
 */
export async function readMessage(bytes: Uint8Array): Promise<Uint8Array> {
  const isText = Buffer.from(bytes.subarray(0, TEXT_BEGIN.length)).toString("latin1") === TEXT_BEGIN;
  const binary = isText ? readBase64(bytes) : bytes;
  const message = isGzip(binary) ? await decompress(binary) : binary;
  if (message.length > MOST_DOCUMENT_BYTES)
    throw invalid(`it has ${message.length} bytes; the most are ${MOST_DOCUMENT_BYTES}`);
  return message;
}

/** RFC 1952 section 2.3.1. No protobuf message of ours begins so: field 3 of wire type 7 does not exist. */
function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Only white space at the end, which files have, is let through. */
function readBase64(bytes: Uint8Array): Uint8Array {
  if (bytes.length > MOST_TEXT_BYTES)
    throw invalid(`its text has ${bytes.length} bytes; the most are ${MOST_TEXT_BYTES}`);
  const text = Buffer.from(bytes).toString("latin1").trimEnd();
  const binary = Buffer.from(text, "base64");
  // Node skips whatever is no base64.
  if (binary.toString("base64") !== text) throw invalid("it is no base64 in one line (RFC 4648 section 4)");
  return binary;
}

/** zlib is loaded only for who needs it: that takes 3 ms natively, several times that under TCG. */
async function decompress(bytes: Uint8Array): Promise<Uint8Array> {
  const { gunzipSync } = await import("node:zlib");
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST_DOCUMENT_BYTES });
  } catch (error) {
    throw TetherError.from(error, "configuration-invalid", "it is no gzip of a document");
  }
}

function invalid(reason: string): TetherError {
  return new TetherError("configuration-invalid", reason);
}
