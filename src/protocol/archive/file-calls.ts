import type { ByteString } from "./byte-string.ts";

/**
 * What packing and unpacking ask of the kernel and Node has no call for. In the guest it is the addon; the host
 * has none and does without (`host-file-calls.ts`). Every descriptor may be an O_PATH one.
 */
export interface FileCalls {
  /** The names of the extended attributes; none where the file system has no such thing. */
  listAttributes(descriptor: number): readonly ByteString[];
  getAttribute(descriptor: number, name: ByteString): Uint8Array;
  /** Where an attribute cannot be kept for lack of support, nothing happens. */
  setAttribute(descriptor: number, name: ByteString, value: Uint8Array): void;
  setModified(descriptor: number, modifiedNs: bigint): void;
  makeNode(directory: number, name: ByteString, mode: number, major: number, minor: number): void;
  /** The next offset from `offset` on that holds data; undefined when none does. */
  seekData(descriptor: number, offset: number): number | undefined;
  /** The next offset from `offset` on that holds none; undefined behind the end. */
  seekHole(descriptor: number, offset: number): number | undefined;
}
