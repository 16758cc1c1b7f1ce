import { TetherError } from "../../protocol/errors/index.ts";
import { findStrays } from "./container-leftovers.ts";
import { StateDatabase } from "./state-database.ts";
import type { StateFolder } from "./state-folder.ts";

/** How it is with what a state folder knows. */
export interface StateCheck {
  /** Why nothing can be done with the containers; undefined: all of the database was read. */
  readonly damage: string | undefined;
  /** Folders that hold something, but are no container's. */
  readonly strays: readonly string[];
}

/** Reads all of a state folder's database. */
export function checkState(folder: StateFolder): StateCheck {
  try {
    const database = StateDatabase.of(folder);
    database.check();
    return { damage: undefined, strays: findStrays(database, folder) };
  } catch (error) {
    if (!(error instanceof TetherError)) throw error;
    const { message, entry } = error;
    return { damage: entry.hint === undefined ? message : `${message}: ${entry.hint}`, strays: [] };
  }
}
