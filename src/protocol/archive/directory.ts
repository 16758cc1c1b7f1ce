import {
  type BigIntStats,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  type Dir,
  fstatSync,
  linkSync,
  mkdirSync,
  opendirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { type ByteString, fromBytes, toBytes } from "./byte-string.ts";
import { hasCode } from "../errors/index.ts";

/** open(2), O_PATH: names a file without opening it; Node has no name for the flag. */
export const O_PATH = 0o10000000;

/** Names something without following or opening it. */
const NAMING = O_PATH | constants.O_NOFOLLOW;

/**
 * A name in an open directory, as the *at calls of Linux take it, for Node, which has none of them: the entry of
 * the descriptor in /proc leads to that very directory, wherever it was moved, mounted or linked meanwhile. The
 * name is a single component, and none of the functions here follows it.
 */
export function at(directory: number, name: ByteString): Buffer {
  if (name === "" || name === ".." || name.includes("/") || name.includes("\0"))
    throw new RangeError(`${JSON.stringify(name)} is no name in a directory`);
  return toBytes(`/proc/self/fd/${directory}/${name}`);
}

/** What an O_PATH descriptor names, for calls that take paths only. */
export function itself(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

/** Names an object, whatever it is: a new O_PATH descriptor, for the caller to close. */
export function nameAt(directory: number, name: ByteString): number {
  return openSync(at(directory, name), NAMING);
}

/** As {@link nameAt}; undefined when there is no such thing. */
export function tryNameAt(directory: number, name: ByteString): number | undefined {
  return unlessAbsent(() => nameAt(directory, name));
}

/** Opens a subdirectory; a symbolic link is none (ENOTDIR). */
export function openDirectoryAt(directory: number, name: ByteString): number {
  return openSync(at(directory, name), NAMING | constants.O_DIRECTORY);
}

/** Opens what a descriptor names; only for regular files, which nothing happens to when they are opened. */
export function reopen(descriptor: number, flags: number): number {
  return openSync(itself(descriptor), flags);
}

/** Creates a regular file that was not there, nobody's but ours until its mode is set. */
export function createFileAt(directory: number, name: ByteString): number {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  return openSync(at(directory, name), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
}

export function statusOf(descriptor: number): BigIntStats {
  return fstatSync(descriptor, { bigint: true });
}

/** @returns undefined when there is no such thing. */
export function statusAt(directory: number, name: ByteString): BigIntStats | undefined {
  const descriptor = tryNameAt(directory, name);
  if (descriptor === undefined) return undefined;
  try {
    return statusOf(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The mode is exact only if the caller sets it afterwards: the umask has its say. */
export function makeDirectoryAt(directory: number, name: ByteString, mode: number): void {
  mkdirSync(at(directory, name), mode);
}

export function makeLinkAt(directory: number, name: ByteString, target: ByteString): void {
  symlinkSync(toBytes(target), at(directory, name));
}

export function readLinkAt(directory: number, name: ByteString): ByteString {
  return fromBytes(readlinkSync(at(directory, name), "buffer"));
}

/** linkat(2) without AT_SYMLINK_FOLLOW: another name for the object itself. */
export function hardLinkAt(from: number, name: ByteString, to: number, newName: ByteString): void {
  linkSync(at(from, name), at(to, newName));
}

export function renameAt(from: number, name: ByteString, to: number, newName: ByteString): void {
  renameSync(at(from, name), at(to, newName));
}

export function unlinkAt(directory: number, name: ByteString): void {
  unlinkSync(at(directory, name));
}

export function removeDirectoryAt(directory: number, name: ByteString): void {
  rmdirSync(at(directory, name));
}

/** Of the object that a descriptor names, a symbolic link itself too. */
export function changeOwner(descriptor: number, uid: number, gid: number): void {
  chownSync(itself(descriptor), uid, gid);
}

/** Not for symbolic links: they have no mode. */
export function changeMode(descriptor: number, mode: number): void {
  chmodSync(itself(descriptor), mode);
}

/** The names in a directory, a few at a time, in no order. */
export function* namesIn(directory: number): Generator<ByteString> {
  // Node's types know no Dir of buffers; "latin1" is not decoded to text, byte for byte it is a ByteString.
  const entries: Dir = opendirSync(itself(directory), { encoding: "latin1" });
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) yield entry.name;
  } finally {
    entries.closeSync();
  }
}

/** Removes whatever has this name, with all that is below it; nothing there is no error. */
export function removeTreeAt(directory: number, name: ByteString): void {
  const isLeft = unlessAbsent(() => {
    try {
      unlinkAt(directory, name);
      return false;
    } catch (error) {
      if (!hasCode(error, "EISDIR")) throw error;
      return true;
    }
  });
  if (isLeft !== true) return;
  const own = openDirectoryAt(directory, name);
  try {
    // All names before the first removal: a directory that changes while it is read may hide some.
    for (const child of [...namesIn(own)]) removeTreeAt(own, child);
  } finally {
    closeSync(own);
  }
  removeDirectoryAt(directory, name);
}

/** Runs a call; that something does not exist is an answer. */
export function unlessAbsent<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
