import { readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { hasCode, TetherError } from "../../protocol/errors/index.ts";
import type { StateFolder } from "./state-folder.ts";

/** Brings the database one version on; `after` is done when that is kept. */
interface Migration {
  change(database: DatabaseSync, folder: StateFolder): void;
  after?(folder: StateFolder): void;
}

/** In order: the first makes version 1 of what is empty. Never changed once released, only added to. */
const MIGRATIONS: readonly Migration[] = [
  {
    change: (database, folder) => {
      database.exec(`
        CREATE TABLE containers (
          id TEXT PRIMARY KEY,
          -- Null: of a creation that was given up before it had its name.
          name TEXT UNIQUE,
          created TEXT NOT NULL,
          record TEXT NOT NULL
        ) STRICT;
        CREATE TABLE events (number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL) STRICT;
      `);
      importContainers(database, folder);
      importEvents(database, folder);
    },
    after: removeFiles,
  },
];

/**
 * Brings a database up to date. Whoever is killed meanwhile leaves it as it was.
 *
 * @throws TetherError `state-not-writable` when a later version of `vch` has written it.
 */
export function migrate(database: DatabaseSync, folder: StateFolder): void {
  while (versionOf(database) < MIGRATIONS.length) {
    // Only one at a time; the others find it done.
    database.exec("BEGIN IMMEDIATE");
    const version = versionOf(database);
    const migration = MIGRATIONS[version];
    try {
      migration?.change(database, folder);
      if (migration !== undefined) database.exec(`PRAGMA user_version = ${version + 1}`);
      database.exec("COMMIT");
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
    migration?.after?.(folder);
  }
  const version = versionOf(database);
  if (version > MIGRATIONS.length)
    throw new TetherError(
      "state-not-writable",
      `the state folder ${folder.root} was written by a later vch (its version is ${version}, this one knows ${MIGRATIONS.length}): use that vch, or another folder`,
    );
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
}

/** Before there was a database each container had its record in a file, and each name was a link to its id. */
const RECORD = "container.json";
const NAMES = "names";
const JOURNAL = "events.jsonl";

function importContainers(database: DatabaseSync, { root, containers }: StateFolder): void {
  const names = new Map(list(join(root, NAMES)).map((name) => [readlinkSync(join(root, NAMES, name)), name]));
  const insert = database.prepare("INSERT INTO containers (id, name, created, record) VALUES (?, ?, ?, ?)");
  for (const id of list(containers)) {
    const record = readText(join(containers, id, RECORD));
    if (record !== undefined) insert.run(id, names.get(id) ?? null, createdOf(record), record);
  }
}

function importEvents(database: DatabaseSync, { root }: StateFolder): void {
  const insert = database.prepare("INSERT INTO events (event) VALUES (?)");
  for (const name of [`${JOURNAL}.1`, JOURNAL])
    for (const line of (readText(join(root, name)) ?? "").split("\n")) if (line !== "") insert.run(line);
}

function removeFiles({ root, containers }: StateFolder): void {
  for (const name of [NAMES, JOURNAL, `${JOURNAL}.1`])
    rmSync(join(root, name), { recursive: true, force: true });
  for (const id of list(containers)) rmSync(join(containers, id, RECORD), { force: true });
}

/** A record that is damaged is told when somebody wants it. */
function createdOf(record: string): string {
  try {
    const { created } = JSON.parse(record) as { readonly created?: unknown };
    return typeof created === "string" ? created : "";
  } catch {
    return "";
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    // There is none: nothing is to be taken over. What cannot be read is: it would be lost if it counted as none.
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // A container that is being made or removed, or no journal yet; what is no folder is no container.
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
