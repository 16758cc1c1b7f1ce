import type { ByteString } from "../../protocol/archive/index.ts";
import { isDirectoryMode, type ListedFile } from "../../protocol/archive-commands.ts";

/** Docker's numbers of what has become of a file. */
export const CHANGE_KINDS = { modified: 0, added: 1, deleted: 2 } as const;

/** What has become of a file. */
export interface FileChange {
  readonly path: ByteString;
  readonly kind: (typeof CHANGE_KINDS)[keyof typeof CHANGE_KINDS];
}

/**
 * What has changed, by dockerd's rules (moby, pkg/archive/changes.go): what is below a folder that is new or was removed
 * is told as well when new, and not when removed; the folders above a change are modified.
 *
 * @returns ordered by path.
 */
export function compareFiles(before: Iterable<ListedFile>, now: Iterable<ListedFile>): FileChange[] {
  const old = new Map([...before].map((file) => [file[0], file]));
  const present = new Map([...now].map((file) => [file[0], file]));
  const changes = new Map<ByteString, FileChange["kind"]>();
  for (const [path, file] of present) {
    const known = old.get(path);
    if (known === undefined) changes.set(path, CHANGE_KINDS.added);
    else if (isDifferent(known, file)) changes.set(path, CHANGE_KINDS.modified);
  }
  for (const path of old.keys())
    if (!present.has(path) && isFolder(present, above(path))) changes.set(path, CHANGE_KINDS.deleted);
  for (const path of [...changes.keys()])
    for (let folder = above(path); folder !== "" && !changes.has(folder); folder = above(folder))
      changes.set(folder, CHANGE_KINDS.modified);
  return [...changes]
    .map(([path, kind]) => ({ path, kind }))
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** The folder that something is in; empty for the root. */
function above(path: ByteString): ByteString {
  return path.slice(0, path.lastIndexOf("/"));
}

function isFolder(files: ReadonlyMap<ByteString, ListedFile>, path: ByteString): boolean {
  const file = files.get(path);
  return path === "" || (file !== undefined && isDirectoryMode(file[1]));
}

function isDifferent(old: ListedFile, now: ListedFile): boolean {
  const [, mode, uid, gid, size, modified, device] = old;
  const [, nowMode, nowUid, nowGid, nowSize, nowModified, nowDevice] = now;
  if (mode !== nowMode || uid !== nowUid || gid !== nowGid || device !== nowDevice) return true;
  // A folder's time changes with what is in it.
  return !isDirectoryMode(nowMode) && (size !== nowSize || !isSameTime(modified, nowModified));
}

const NANOS = 1_000_000_000n;

/** Where one has whole seconds only (an archive has no more), the other's fraction says nothing. */
function isSameTime(one: string, other: string): boolean {
  const [a, b] = [BigInt(one), BigInt(other)];
  if (a === b) return true;
  return a / NANOS === b / NANOS && (a % NANOS === 0n || b % NANOS === 0n);
}
