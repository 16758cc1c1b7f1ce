import { type BigIntStats, closeSync, constants } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { hasCode, TetherError } from "../errors/index.ts";
import { type ByteString, toText } from "./byte-string.ts";
import { namesIn, nameAt, readLinkAt, reopen, statusOf, tryNameAt } from "./directory.ts";
import type { FileCalls } from "./file-calls.ts";
import { findExtents, readExtent } from "./file-content.ts";
import { ARCHIVE_END, encodeEntry, endOfEntry } from "./tar-encode.ts";
import type { EntryKind, TarEntry } from "./tar-entry.ts";

/** What is packed. */
export interface PackSource {
  /** Descriptor of the directory that it is in; stays the caller's. */
  readonly directory: number;
  /** Its name there; `.` for the directory itself. */
  readonly name: ByteString;
  /** The name of the archive's first member, without a slash behind it; all others are below it. */
  readonly archiveName: ByteString;
}

/**
 * Packs a file or a tree, as a pax archive with owners, modes, times to the nanosecond, extended attributes, holes,
 * hard links, devices and FIFOs. Symbolic links are members, never followed. Memory: a few pieces of 128 KiB, and
 * a name for each file that has further names not met yet.
 *
 * Sockets are left out, as tar does; so is what vanishes meanwhile.
 *
 * @throws TetherError that names the member.
 */
export async function* packTree(source: PackSource, calls: FileCalls): AsyncGenerator<Buffer> {
  yield* new Packer(calls).pack(source, 0);
  yield ARCHIVE_END;
}

/**
 * Packs what is in a directory, in the order of the names, as {@link packTree} does; the directory itself is no member.
 *
 * @param directory stays the caller's.
 */
export async function* packContent(directory: number, calls: FileCalls): AsyncGenerator<Buffer> {
  const packer = new Packer(calls);
  // Each is on the first level: it may vanish, as all others may.
  for (const name of [...namesIn(directory)].sort())
    yield* packer.pack({ directory, name, archiveName: name }, 1);
  yield ARCHIVE_END;
}

/** Each level holds two descriptors; Linux's longest path (4096 bytes) has up to 2048 levels. */
const DEEPEST_LEVEL = 1000;
/** The agent has others to serve: it turns to them after so many members. */
const MEMBERS_AT_ONCE = 64;

class Packer {
  readonly #calls: FileCalls;
  readonly #linked = new Map<string, { readonly name: ByteString; left: number }>();
  #members = 0;

  constructor(calls: FileCalls) {
    this.#calls = calls;
  }

  async *pack({ directory, name, archiveName }: PackSource, level: number): AsyncGenerator<Buffer> {
    // The first one must be there, and the caller be told when it is not.
    const named = level === 0 ? nameAt(directory, name) : tryNameAt(directory, name);
    if (named === undefined) return;
    try {
      if (++this.#members % MEMBERS_AT_ONCE === 0) await setImmediate();
      const status = statusOf(named);
      const kind = kindOf(status);
      if (kind === undefined) return;
      const linkTarget = kind === "symlink" ? readLinkAt(directory, name) : "";
      const entry = describe(archiveName, kind, status, linkTarget, this.#attributes(named, kind));
      const earlier = kind === "directory" ? undefined : this.#earlierName(status, archiveName);
      if (earlier !== undefined)
        yield encodeEntry({ ...entry, kind: "hardlink", linkTarget: earlier, size: 0, attributes: NONE });
      else if (kind === "file") yield* this.#packFile(named, entry, status);
      else yield encodeEntry(entry);
      if (kind === "directory") yield* this.#packChildren(named, archiveName, level);
    } catch (error) {
      throw TetherError.from(error, "internal", toText(archiveName));
    } finally {
      closeSync(named);
    }
  }

  async *#packFile(named: number, entry: TarEntry, status: BigIntStats): AsyncGenerator<Buffer> {
    const descriptor = reopen(named, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      // Only where fewer blocks are in use than the size needs can there be a hole.
      const mayHaveHoles = status.blocks * 512n < status.size;
      const extents = mayHaveHoles ? findExtents(this.#calls, descriptor, entry.size) : undefined;
      const complete = extents === undefined ? entry : { ...entry, extents };
      yield encodeEntry(complete);
      for (const extent of extents ?? [{ offset: 0, length: entry.size }])
        yield* readExtent(descriptor, extent);
      yield endOfEntry(complete);
    } finally {
      closeSync(descriptor);
    }
  }

  async *#packChildren(directory: number, archiveName: ByteString, level: number): AsyncGenerator<Buffer> {
    if (level === DEEPEST_LEVEL)
      throw new TetherError("copy-impossible", `${toText(archiveName)} is over ${DEEPEST_LEVEL} levels deep`);
    for (const name of namesIn(directory))
      yield* this.pack({ directory, name, archiveName: `${archiveName}/${name}` }, level + 1);
  }

  /** The name under which a file with several was packed before; remembers this one when it is the first. */
  #earlierName({ dev, ino, nlink }: BigIntStats, name: ByteString): ByteString | undefined {
    if (nlink < 2n) return undefined;
    const key = `${dev}:${ino}`;
    const known = this.#linked.get(key);
    if (known === undefined) this.#linked.set(key, { name, left: Number(nlink) - 1 });
    else if (--known.left === 0) this.#linked.delete(key);
    return known?.name;
  }

  #attributes(descriptor: number, kind: EntryKind): ReadonlyMap<ByteString, Uint8Array> {
    const attributes = new Map<ByteString, Uint8Array>();
    // What belongs to this machine's security module means nothing elsewhere; a "=" would end the keyword.
    const names = this.#calls
      .listAttributes(descriptor)
      .filter((name) => !/^security\.selinux$|=/.test(name));
    for (const name of names) {
      try {
        attributes.set(name, this.#calls.getAttribute(descriptor, name));
      } catch (error) {
        // Taken away since it was listed, or not supported on a link or device.
        if (!hasCode(error, "ENODATA", "ENOTSUP", "EOPNOTSUPP"))
          throw TetherError.from(error, "internal", kind);
      }
    }
    return attributes;
  }
}

const NONE: ReadonlyMap<ByteString, Uint8Array> = new Map();

function kindOf(status: BigIntStats): EntryKind | undefined {
  if (status.isFile()) return "file";
  if (status.isDirectory()) return "directory";
  if (status.isSymbolicLink()) return "symlink";
  if (status.isFIFO()) return "fifo";
  if (status.isCharacterDevice()) return "character-device";
  return status.isBlockDevice() ? "block-device" : undefined;
}

function describe(
  archiveName: ByteString,
  kind: EntryKind,
  status: BigIntStats,
  linkTarget: ByteString,
  attributes: ReadonlyMap<ByteString, Uint8Array>,
): TarEntry {
  const isDevice = kind === "character-device" || kind === "block-device";
  return {
    name: kind === "directory" ? `${archiveName}/` : archiveName,
    kind,
    mode: Number(status.mode & 0o7777n),
    uid: Number(status.uid),
    gid: Number(status.gid),
    modifiedNs: status.mtimeNs,
    size: kind === "file" ? Number(status.size) : 0,
    linkTarget,
    major: isDevice ? majorOf(status.rdev) : 0,
    minor: isDevice ? minorOf(status.rdev) : 0,
    attributes,
  };
}

/** Linux's 64-bit device numbers, as glibc's gnu_dev_major(3) and gnu_dev_minor(3) take them apart. */
function majorOf(device: bigint): number {
  return Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n));
}

function minorOf(device: bigint): number {
  return Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n));
}
