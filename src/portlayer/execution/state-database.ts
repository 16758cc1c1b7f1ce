import { closeSync, existsSync, linkSync, openSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { hasCode, TetherError } from "../../protocol/errors/index.ts";
import { migrate } from "./state-migrations.ts";
import type { StateFolder } from "./state-folder.ts";

const FILE = "state.db";

/** Given up when the disk is full: SQLite needs room to be opened, and to write down that something is gone. */
const RESERVE = "state.reserve";
const RESERVE_BYTES = 256 * 1024;

/** With less room than this SQLite's errors are those of a full disk: its own file for what is shared takes 32 KiB. */
const FULL_BYTES = 64 * 1024;

/** How long somebody else's change is waited for; one takes less than a millisecond. */
const BUSY_LIMIT_MS = 10_000;

/** A row, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * What a state folder knows, in SQLite: any number of `vch` processes use it at the same time, and one that is killed
 * leaves what it has committed and nothing else (https://sqlite.org/wal.html).
 */
export class StateDatabase {
  static readonly #opened = new WeakMap<StateFolder, StateDatabase>();
  readonly #root: string;
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(folder: StateFolder) {
    this.#root = folder.root;
    this.#path = join(folder.root, FILE);
    this.#database = this.withReserve(() => this.#translated(() => this.#open(folder)));
    this.#makeReserve();
  }

  /**
   * The database of a state folder, made and brought up to date when needed.
   *
   * @throws TetherError `state-not-writable`, also when a later version of `vch` has written it; `no-space`.
   */
  static of(folder: StateFolder): StateDatabase {
    const known = this.#opened.get(folder) ?? new StateDatabase(folder);
    this.#opened.set(folder, known);
    return known;
  }

  /** @throws TetherError `state-not-writable`, `no-space`. */
  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#translated(() => this.#prepare(sql).all(...values));
  }

  /** The first row. @throws TetherError `state-not-writable`, `no-space`. */
  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#translated(() => this.#prepare(sql).get(...values));
  }

  /** @returns how many rows were changed. @throws TetherError `state-not-writable`, `no-space`. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return this.#translated(() => Number(this.#prepare(sql).run(...values).changes));
  }

  /**
   * Does all of some work or nothing; nobody else changes anything meanwhile, so it has to be short.
   *
   * @throws TetherError `state-not-writable`, `no-space`; what the work throws.
   */
  transaction<T>(work: () => T): T {
    this.#translated(() => this.#database.exec("BEGIN IMMEDIATE"));
    let result: T;
    try {
      result = work();
    } catch (error) {
      // A full disk has made SQLite give up the transaction itself.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
    this.#translated(() => this.#database.exec("COMMIT"));
    return result;
  }

  /** Does what has to be possible on a full disk, too: once more with what was spared for that. */
  withReserve<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const reserve = join(this.#root, RESERVE);
      if (!(error instanceof TetherError) || error.code !== "no-space" || !existsSync(reserve)) throw error;
      rmSync(reserve, { force: true });
      return work();
    }
  }

  #open(folder: StateFolder): DatabaseSync {
    if (!existsSync(this.#path)) makeDatabase(this.#path);
    const database = new DatabaseSync(this.#path, { timeout: BUSY_LIMIT_MS });
    // The kernel keeps what was written for whoever comes after a kill; a power cut may cost the last changes, no more.
    database.exec("PRAGMA synchronous = NORMAL");
    migrate(database, folder);
    return database;
  }

  #makeReserve(): void {
    const reserve = join(this.#root, RESERVE);
    if (existsSync(reserve)) return;
    try {
      writeFileSync(reserve, Buffer.alloc(RESERVE_BYTES), { mode: 0o600 });
    } catch {
      // Whoever comes when there is room again makes it.
      rmSync(reserve, { force: true });
    }
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #translated<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof TetherError) throw error;
      const { bavail, bsize } = statfsSync(this.#root);
      if (bavail * bsize < FULL_BYTES)
        throw new TetherError("no-space", `no space left on the disk of ${this.#path}`, { cause: error });
      throw TetherError.from(error, "state-not-writable", `the state database ${this.#path}`);
    }
  }
}

/**
 * Makes an empty database with a write-ahead log, whole: several processes that change over to one at the same time are not
 * waited for by SQLite, but refused.
 */
function makeDatabase(path: string): void {
  const made = `${path}.${process.pid}.tmp`;
  rmSync(made, { force: true });
  // SQLite gives its further files the rights of this one.
  closeSync(openSync(made, "wx", 0o600));
  try {
    const database = new DatabaseSync(made);
    database.exec("PRAGMA journal_mode = WAL");
    database.close();
    linkSync(made, path);
  } catch (error) {
    // Another one was quicker.
    if (!hasCode(error, "EEXIST")) throw error;
  } finally {
    rmSync(made, { force: true });
  }
}
