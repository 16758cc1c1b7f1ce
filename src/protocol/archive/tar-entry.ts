import type { ByteString } from "./byte-string.ts";

/** What a member of an archive is. Sockets are in no archive. */
export type EntryKind =
  | "file"
  | "directory"
  | "symlink"
  | "hardlink"
  | "fifo"
  | "character-device"
  | "block-device";

/** A stretch of a sparse file that holds data. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** One member of a tar archive, without its content. */
export interface TarEntry {
  /** As in the archive; a directory's may end in a slash. */
  readonly name: ByteString;
  readonly kind: EntryKind;
  /** Permissions with the set-id and sticky bits: 0 to 07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly modifiedNs: bigint;
  /** Bytes of a file with its holes; 0 for everything else. */
  readonly size: number;
  /** Where a symbolic link leads, or the name of the member that a hard link is another name of; or empty. */
  readonly linkTarget: ByteString;
  readonly major: number;
  readonly minor: number;
  /** Extended attributes by their full name (`user.mime_type`). */
  readonly attributes: ReadonlyMap<ByteString, Uint8Array>;
  /** Set for a sparse file: the content that follows is these stretches and nothing between. In order, apart. */
  readonly extents?: readonly Extent[];
}

/** How many bytes of content follow a member. */
export function contentBytes({ kind, size, extents }: TarEntry): number {
  if (kind !== "file") return 0;
  return extents === undefined ? size : extents.reduce((sum, { length }) => sum + length, 0);
}
