import type { BigIntStats } from "node:fs";
import type { FileChanges } from "../files/index.ts";
import type { PacketReader, PacketWriter } from "./sftp-packets.ts";

/** Which attributes follow (draft-ietf-secsh-filexfer-02 section 5). */
const SIZE = 0x1;
const OWNER = 0x2;
const PERMISSIONS = 0x4;
const TIMES = 0x8;
const EXTENDED = 0x8000_0000;

const NANOSECONDS = 1_000_000_000n;

/** Writes a file's attributes behind what the packet has already. */
export function writeAttributes(packet: PacketWriter, status: BigIntStats): PacketWriter {
  return packet
    .uint32(SIZE | OWNER | PERMISSIONS | TIMES)
    .uint64(status.size)
    .uint32(Number(status.uid), Number(status.gid), Number(status.mode))
    .uint32(seconds(status.atimeNs), seconds(status.mtimeNs));
}

/** Reads what a client wants a file's attributes to be. */
export function readChanges(packet: PacketReader): FileChanges {
  const flags = packet.uint32();
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const changes = {
    ...(has(SIZE) ? { size: packet.uint64() } : {}),
    ...(has(OWNER) ? { uid: packet.uint32(), gid: packet.uint32() } : {}),
    ...(has(PERMISSIONS) ? { mode: packet.uint32() & 0o7777 } : {}),
    ...(has(TIMES)
      ? {
          accessedNs: BigInt(packet.uint32()) * NANOSECONDS,
          modifiedNs: BigInt(packet.uint32()) * NANOSECONDS,
        }
      : {}),
  };
  for (let count = has(EXTENDED) ? packet.uint32() : 0; count > 0; count--) {
    packet.bytes();
    packet.bytes();
  }
  return changes;
}

/** Version 3 has 32 bits for a time. */
function seconds(nanoseconds: bigint): number {
  const whole = nanoseconds / NANOSECONDS;
  return whole < 0n ? 0 : Number(whole > 0xffff_ffffn ? 0xffff_ffffn : whole);
}
