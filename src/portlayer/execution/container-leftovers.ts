import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../../protocol/errors/index.ts";
import type { StateDatabase } from "./state-database.ts";
import type { StateFolder } from "./state-folder.ts";

/** How the name of a folder ends that is no container's any more. */
export const REMOVED = ".removed";

/** Removes what a `vch` that was killed in the middle of a creation or a removal has left: a folder or a record alone. */
export function removeLeftovers(database: StateDatabase, { containers }: StateFolder): void {
  // Nobody is making one meanwhile: its folder and its record come in one transaction.
  const unknown = database.transaction(() => {
    const folders = new Set(readdirSync(containers));
    for (const id of idsOf(database))
      if (!folders.delete(id)) database.run("DELETE FROM containers WHERE id = ?", id);
    return [...folders].map((name) => join(containers, name));
  });
  for (const path of unknown) if (isLeftover(path)) removeFolder(path);
}

/**
 * Finds folders that hold something, but belong to no record: of a database that was lost, or of changes that a power cut
 * has cost. A container's disk may be in one, so that nobody removes it.
 */
export function findStrays(database: StateDatabase, { containers }: StateFolder): string[] {
  // Before the records: what is made meanwhile is of no concern.
  const folders = readdirSync(containers);
  const known = new Set(idsOf(database));
  return folders
    .filter((name) => !known.has(name))
    .map((name) => join(containers, name))
    .filter((path) => !isLeftover(path));
}

/** Removes a folder with what is in it, if it is there. */
export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

function idsOf(database: StateDatabase): string[] {
  return database.all("SELECT id FROM containers").map(({ id }) => String(id));
}

/** What was begun and is not a container yet is empty. */
function isLeftover(path: string): boolean {
  return path.endsWith(REMOVED) || isEmpty(path);
}

function isEmpty(path: string): boolean {
  try {
    return readdirSync(path).length === 0;
  } catch (error) {
    // Somebody else was quicker.
    if (hasCode(error, "ENOENT")) return true;
    if (hasCode(error, "ENOTDIR")) return false;
    throw error;
  }
}
