import { gzipSync } from "node:zlib";
import protobuf from "protobufjs/minimal.js";
import { TetherError } from "../errors/index.ts";
import { tether } from "../generated/config.js";
import { CONFIGURATION_VERSION } from "../link-names.ts";
import { MOST_DOCUMENT_BYTES, readMessage } from "./document.ts";

/**
 * Reads a document in any of its forms with the fields that proto/config.proto does not know, so that it can be
 * written again: a newer host's are not lost.
 *
 * @throws TetherError `configuration-invalid` when it is none, or of a version that is newer than this one.
 */
export async function readWholeDocument(bytes: Uint8Array): Promise<tether.config.Config> {
  const document = decodeWhole(await readMessage(bytes));
  if (document.version > CONFIGURATION_VERSION)
    throw new TetherError(
      "configuration-invalid",
      `its version is ${document.version}; this vch understands ${CONFIGURATION_VERSION}`,
    );
  return document;
}

/**
 * Writes a document as protobuf.
 *
 * @throws TetherError `configuration-invalid` when it is larger than a guest takes.
 */
export function writeMessage(document: tether.config.Config.$Properties): Uint8Array {
  const message = tether.config.Config.encode(document).finish();
  if (message.length <= MOST_DOCUMENT_BYTES) return message;
  throw new TetherError(
    "configuration-invalid",
    `it has ${message.length} bytes; the most are ${MOST_DOCUMENT_BYTES}`,
  );
}

/**
 * Writes a document as text: base64 (RFC 4648 section 4, in one line) of gzip (RFC 1952) of protobuf. The same document
 * is the same text.
 *
 * @throws TetherError `configuration-invalid` when it is larger than a guest takes.
 */
export function writeText(document: tether.config.Config.$Properties): string {
  return gzipSync(writeMessage(document), { level: 9 }).toString("base64");
}

/** protobufjs leaves unknown fields out unless a reader is told to keep them. */
function decodeWhole(message: Uint8Array): tether.config.Config {
  const reader = protobuf.Reader.create(message);
  reader.discardUnknown = false;
  try {
    return tether.config.Config.decode(reader);
  } catch (error) {
    throw TetherError.from(error, "configuration-invalid", "it is no protobuf");
  }
}
