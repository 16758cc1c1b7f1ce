import type { BigIntStats } from "node:fs";
import { type ByteString, fromText } from "../protocol/archive/index.ts";
import { writeAttributes } from "./sftp-attributes.ts";
import { BadPacket, PacketWriter, RESPONSES, STATUSES } from "./sftp-packets.ts";

/** A status, with the words that OpenSSH's client shows where the code alone says little. */
export function statusReply(id: number, status: keyof typeof STATUSES, message: string = status): Buffer {
  return new PacketWriter(RESPONSES.STATUS)
    .uint32(id, STATUSES[status])
    .text(fromText(message))
    .text("")
    .finish();
}

/** As OpenSSH's sftp-server tells them (errno_to_portable). */
const STATUS_OF_CODE: Readonly<Record<string, keyof typeof STATUSES>> = {
  ENOENT: "NO_SUCH_FILE",
  ENOTDIR: "NO_SUCH_FILE",
  ELOOP: "NO_SUCH_FILE",
  EACCES: "PERMISSION_DENIED",
  EPERM: "PERMISSION_DENIED",
  EROFS: "PERMISSION_DENIED",
  ENAMETOOLONG: "BAD_MESSAGE",
};

/** What went wrong with one request; a fault of ours passes. */
export function errorReply(id: number, error: unknown): Buffer {
  if (error instanceof BadPacket) return statusReply(id, "BAD_MESSAGE", error.message);
  if (error instanceof Error && "code" in error && "syscall" in error) {
    const code = String(error.code);
    return statusReply(id, STATUS_OF_CODE[code] ?? "FAILURE", code);
  }
  // A name that is none, such as "" or one with a slash.
  if (error instanceof RangeError) return statusReply(id, "BAD_MESSAGE");
  throw error;
}

export function attributesReply(id: number, status: BigIntStats): Buffer {
  return writeAttributes(new PacketWriter(RESPONSES.ATTRS).uint32(id), status).finish();
}

/** One name, without attributes: the answer to REALPATH and READLINK. */
export function nameReply(id: number, name: ByteString): Buffer {
  return new PacketWriter(RESPONSES.NAME).uint32(id, 1).text(name).text(name).uint32(0).finish();
}
