import { type BigIntStats, closeSync, constants, ftruncateSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { hasCode, TetherError } from "../errors/index.ts";
import { type ByteString, toText } from "./byte-string.ts";
import {
  changeMode,
  changeOwner,
  createFileAt,
  hardLinkAt,
  makeDirectoryAt,
  makeLinkAt,
  nameAt,
  removeTreeAt,
  statusAt,
  statusOf,
} from "./directory.ts";
import type { FileCalls } from "./file-calls.ts";
import { writeAt } from "./file-content.ts";
import { memberPath } from "./member-path.ts";
import { ParentFolders } from "./parent-folders.ts";
import type { TarEntry } from "./tar-entry.ts";

/** Gives an archive's members one by one; {@link TarReader} is one. */
export interface MemberReader {
  next(): Promise<TarEntry | undefined>;
  /** A piece of the present member's content, at most so many bytes; undefined when all of it was given. */
  content(most: number): Promise<Buffer | undefined>;
}

/** How an archive is unpacked. */
export interface UnpackOptions {
  readonly calls: FileCalls;
  /**
   * Opens the folder that a symbolic link among a member's parents leads to, given the path below the
   * destination; a new descriptor. Links that this archive made itself never get here. Left out: refused.
   */
  readonly follow?: (path: readonly ByteString[]) => number;
  /** A member that is no directory never takes a directory's place, nor the reverse: Docker's noOverwriteDirNonDir. */
  readonly keepsDirectories: boolean;
  /** Whose the files become: the archive's word, somebody, or whoever unpacks. */
  readonly owner: "as-archived" | "unpacker" | { readonly uid: number; readonly gid: number };
  /** Whether set-user-id and set-group-id bits are kept. */
  readonly keepsSetId: boolean;
}

/**
 * Unpacks an archive below a directory. No member lands outside of it: names that lead out are refused, parents
 * are opened one by one without following, and a symbolic link that the archive itself made is no way for its later
 * members, whoever else changes the tree meanwhile. What is in a member's way is replaced, as Docker does.
 *
 * @param target descriptor of the directory; stays the caller's.
 * @throws TetherError that names the member; what came before it stays unpacked.
 */
export async function unpackTree(
  target: number,
  reader: MemberReader,
  options: UnpackOptions,
): Promise<void> {
  const parents = new ParentFolders(target, options.follow);
  const unpacker = new Unpacker(parents, reader, options);
  try {
    let members = 0;
    for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) {
      // Whoever else is served by this process has a turn now and then.
      if (++members % MEMBERS_AT_ONCE === 0) await setImmediate();
      await unpackMember(unpacker, entry);
    }
    unpacker.finish();
  } finally {
    unpacker.close();
    parents.close();
  }
}

const MEMBERS_AT_ONCE = 64;

async function unpackMember(unpacker: Unpacker, entry: TarEntry): Promise<void> {
  try {
    await unpacker.unpack(entry);
  } catch (error) {
    if (error instanceof TetherError) throw error;
    const code = hasCode(error, "ENOSPC", "EDQUOT") ? "no-space" : "copy-impossible";
    throw TetherError.from(error, code, toText(entry.name));
  }
}

/** A directory whose time is set once its members are in it. */
interface OpenDirectory {
  readonly path: readonly ByteString[];
  readonly descriptor: number;
  readonly modifiedNs: bigint;
}

class Unpacker {
  readonly #parents: ParentFolders;
  readonly #reader: MemberReader;
  readonly #options: UnpackOptions;
  readonly #open: OpenDirectory[] = [];

  constructor(parents: ParentFolders, reader: MemberReader, options: UnpackOptions) {
    this.#parents = parents;
    this.#reader = reader;
    this.#options = options;
  }

  async unpack(entry: TarEntry): Promise<void> {
    const path = memberPath(entry.name);
    const name = path.at(-1);
    // The destination itself stays as it is.
    if (name === undefined) return;
    this.#leaveDirectories(path);
    const directory = this.#parents.open(path.slice(0, -1));
    const isMerged = this.#clear(directory, name, entry);
    if (entry.kind === "file") await this.#unpackFile(directory, name, entry);
    else if (entry.kind === "hardlink") this.#unpackHardLink(directory, name, entry);
    else this.#unpackOther(directory, name, path, entry, isMerged);
  }

  /** Sets the times of the directories that are done. */
  finish(): void {
    this.#leaveDirectories([]);
  }

  close(): void {
    for (const { descriptor } of this.#open.splice(0)) closeSync(descriptor);
  }

  #leaveDirectories(path: readonly ByteString[]): void {
    for (let last = this.#open.at(-1); last !== undefined; last = this.#open.at(-1)) {
      if (path.length > last.path.length && last.path.every((part, index) => part === path[index])) return;
      this.#open.pop();
      try {
        this.#options.calls.setModified(last.descriptor, last.modifiedNs);
      } finally {
        closeSync(last.descriptor);
      }
    }
  }

  /** Makes way for a member. @returns true when it is a directory that is there already. */
  #clear(directory: number, name: ByteString, { kind, name: member }: TarEntry): boolean {
    const there = statusAt(directory, name);
    if (there === undefined) return false;
    const isDirectory = kind === "directory";
    if (isDirectory && there.isDirectory()) return true;
    if (this.#options.keepsDirectories && isDirectory !== there.isDirectory()) {
      const [old, next] = isDirectory ? ["non-directory", "directory"] : ["directory", "non-directory"];
      throw new TetherError(
        "copy-impossible",
        `cannot overwrite ${old} "${toText(member)}" with ${next} "${toText(member)}"`,
      );
    }
    removeTreeAt(directory, name);
    return false;
  }

  async #unpackFile(directory: number, name: ByteString, entry: TarEntry): Promise<void> {
    const descriptor = createFileAt(directory, name);
    try {
      for (const { offset, length } of entry.extents ?? [{ offset: 0, length: entry.size }])
        await this.#copy(descriptor, offset, length);
      if (entry.extents !== undefined) ftruncateSync(descriptor, entry.size);
      this.#setMetadata(descriptor, entry);
    } finally {
      closeSync(descriptor);
    }
  }

  async #copy(descriptor: number, offset: number, length: number): Promise<void> {
    for (let done = 0; done < length; ) {
      // Two stretches may lie in one piece of the archive.
      const piece = await this.#reader.content(length - done);
      if (piece === undefined) return;
      await writeAt(descriptor, piece, offset + done);
      done += piece.length;
    }
  }

  #unpackHardLink(directory: number, name: ByteString, { linkTarget }: TarEntry): void {
    const path = memberPath(linkTarget);
    const target = path.at(-1);
    if (target === undefined)
      throw new TetherError("archive-unsafe", "a hard link to the destination itself");
    const from = this.#parents.openExisting(path.slice(0, -1));
    try {
      hardLinkAt(from, target, directory, name);
    } finally {
      closeSync(from);
    }
  }

  #unpackOther(
    directory: number,
    name: ByteString,
    path: readonly ByteString[],
    entry: TarEntry,
    isMerged: boolean,
  ): void {
    if (!isMerged) this.#make(directory, name, entry);
    const descriptor = nameAt(directory, name);
    let isKept = false;
    try {
      const status = statusOf(descriptor);
      if (!isOfKind(status, entry))
        throw new TetherError("copy-impossible", `${toText(entry.name)} was replaced`);
      if (entry.kind === "symlink") this.#parents.planted(status);
      this.#setMetadata(descriptor, entry);
      if (entry.kind !== "directory") return;
      isKept = true;
      this.#open.push({ path, descriptor, modifiedNs: entry.modifiedNs });
    } finally {
      if (!isKept) closeSync(descriptor);
    }
  }

  #make(directory: number, name: ByteString, entry: TarEntry): void {
    const { S_IFIFO, S_IFCHR, S_IFBLK } = constants;
    const { calls } = this.#options;
    const node = (type: number): void =>
      calls.makeNode(directory, name, type | 0o600, entry.major, entry.minor);
    if (entry.kind === "directory") makeDirectoryAt(directory, name, 0o700);
    else if (entry.kind === "symlink") makeLinkAt(directory, name, entry.linkTarget);
    else if (entry.kind === "fifo") node(S_IFIFO);
    else node(entry.kind === "character-device" ? S_IFCHR : S_IFBLK);
  }

  /** In this order: a change of owner takes set-id bits and capabilities away, everything changes times. */
  #setMetadata(descriptor: number, entry: TarEntry): void {
    const { calls, owner, keepsSetId } = this.#options;
    if (owner === "as-archived") changeOwner(descriptor, entry.uid, entry.gid);
    else if (owner !== "unpacker") changeOwner(descriptor, owner.uid, owner.gid);
    for (const [name, value] of entry.attributes) calls.setAttribute(descriptor, name, value);
    if (entry.kind !== "symlink") changeMode(descriptor, keepsSetId ? entry.mode : entry.mode & 0o1777);
    calls.setModified(descriptor, entry.modifiedNs);
  }
}

function isOfKind(status: BigIntStats, { kind }: TarEntry): boolean {
  if (kind === "directory") return status.isDirectory();
  if (kind === "symlink") return status.isSymbolicLink();
  if (kind === "fifo") return status.isFIFO();
  return kind === "character-device" ? status.isCharacterDevice() : status.isBlockDevice();
}
