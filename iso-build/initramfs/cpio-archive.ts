/** One member of a cpio archive. Paths are relative, without a leading `./`. */
export type CpioEntry =
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "file"; readonly path: string; readonly permissions: number; readonly content: Buffer }
  | {
      readonly kind: "character-device";
      readonly path: string;
      readonly permissions: number;
      readonly major: number;
      readonly minor: number;
    };

// File type bits of st_mode, from stat(2).
const FILE_TYPE = { folder: 0o040000, file: 0o100000, "character-device": 0o020000 } as const;
const TRAILER = "TRAILER!!!";
// The kernel wants each archive padded to 4 bytes; cpio pads to its block of 512, and so do we.
const BLOCK_BYTES = 512;

/**
 * An uncompressed cpio archive in the format that the kernel unpacks ("newc",
 * Documentation/driver-api/early-userspace/buffer-format.rst). The same entries give the same bytes: owner
 * root, time 0, inode numbers by position.
 */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.flatMap((entry, position) => member(entry, position + 1));
  parts.push(
    ...record({ name: TRAILER, inode: 0, mode: 0, links: 1, content: Buffer.alloc(0), major: 0, minor: 0 }),
  );
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([...parts, padding(size, BLOCK_BYTES)]);
}

function member(entry: CpioEntry, inode: number): Buffer[] {
  const isDevice = entry.kind === "character-device";
  return record({
    name: entry.path,
    inode,
    mode: FILE_TYPE[entry.kind] | (entry.kind === "folder" ? 0o755 : entry.permissions),
    links: entry.kind === "folder" ? 2 : 1,
    content: entry.kind === "file" ? entry.content : Buffer.alloc(0),
    major: isDevice ? entry.major : 0,
    minor: isDevice ? entry.minor : 0,
  });
}

interface CpioRecord {
  readonly name: string;
  readonly inode: number;
  readonly mode: number;
  readonly links: number;
  readonly content: Buffer;
  readonly major: number;
  readonly minor: number;
}

function record({ name, inode, mode, links, content, major, minor }: CpioRecord): Buffer[] {
  const path = Buffer.from(`${name}\0`);
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, major, minor, path.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
  return [header, path, padding(header.length + path.length, 4), content, padding(content.length, 4)];
}

function padding(size: number, alignment: number): Buffer {
  return Buffer.alloc((alignment - (size % alignment)) % alignment);
}
