/**
 * Archives and trees of files, the same on both sides of the link: the tar format, packing a tree, and unpacking
 * below a directory that nothing gets out of. What the kernel is asked beyond Node's calls is injected.
 */
export { type ByteString, fromBytes, fromText, toBytes, toText } from "./byte-string.ts";
export { ByteSource } from "./byte-source.ts";
export type { FileCalls } from "./file-calls.ts";
export { packContent, type PackSource, packTree } from "./pack.ts";
export { ARCHIVE_END, encodeEntry, endOfEntry } from "./tar-encode.ts";
export { contentBytes, type EntryKind, type Extent, type TarEntry } from "./tar-entry.ts";
export { TarReader } from "./tar-reader.ts";
export { type MemberReader, type UnpackOptions, unpackTree } from "./unpack.ts";
