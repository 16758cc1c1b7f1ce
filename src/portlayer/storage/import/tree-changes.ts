import type { ByteString } from "../../../protocol/archive/index.ts";
import type { TreeFile, TreeState } from "./tree-state.ts";

/** What has to be done to make one tree of another, in this order. */
export interface TreeChanges {
  /** To be removed, what is in a folder before the folder. */
  readonly removed: readonly TreeFile[];
  /** To be made, folders before what is in them. */
  readonly made: readonly TreeFile[];
  /** Folders whose own attributes may be others. */
  readonly kept: readonly TreeFile[];
}

/**
 * How a tree differs from what it was. A file whose stamp is another is removed and made anew: which part of it changed
 * cannot be told, and of a file with several names all of them have the new stamp. Folders stay.
 */
export function compareTrees(before: TreeState, after: TreeState): TreeChanges {
  const removed: TreeFile[] = [];
  const made: TreeFile[] = [];
  const kept: TreeFile[] = [];
  for (const old of before.values()) {
    const now = after.get(old.path);
    const isKept = now !== undefined && (now.stamp === old.stamp || areFolders(old, now));
    if (!isKept) removed.push(old);
    else if (now.stamp !== old.stamp) kept.push(now);
  }
  for (const now of after.values()) {
    const old = before.get(now.path);
    if (old === undefined || (old.stamp !== now.stamp && !areFolders(old, now))) made.push(now);
  }
  return {
    removed: removed.sort((a, b) => byPath(b.path, a.path)),
    made: made.sort((a, b) => byPath(a.path, b.path)),
    kept,
  };
}

const areFolders = (one: TreeFile, other: TreeFile): boolean =>
  one.kind === "folder" && other.kind === "folder";

/** A folder's path is the beginning of those in it, and comes first. */
function byPath(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
