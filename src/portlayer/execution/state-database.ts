import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { hasCode, TetherError } from "../../protocol/errors/index.ts";
import { damaged, stateFailure } from "./state-failure.ts";
import { migrate } from "./state-migrations.ts";
import type { StateFolder } from "./state-folder.ts";

const FILE = "state.db";

/** Given up when the disk is full: SQLite needs room to be opened, and to write down that something is gone. */
const RESERVE = "state.reserve";
const RESERVE_BYTES = 256 * 1024;

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
  readonly #busyLimitMs: number;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(folder: StateFolder, busyLimitMs: number) {
    this.#root = folder.root;
    this.#path = join(folder.root, FILE);
    this.#busyLimitMs = busyLimitMs;
    this.#database = this.withReserve(() => this.#translated(() => this.#open(folder)));
    this.makeReserve();
  }

  /**
   * The database of a state folder, made and brought up to date when needed.
   *
   * @param busyLimitMs how long somebody else's change is waited for, if this is the first to ask.
   * @throws TetherError `state-not-writable`, also when a later version of `vch` has written it, or another `vch` keeps it
   *   for too long; `state-damaged`; `no-space`. All that is asked of the database afterwards may throw them, too.
   */
  static of(folder: StateFolder, busyLimitMs = BUSY_LIMIT_MS): StateDatabase {
    const known = this.#opened.get(folder) ?? new StateDatabase(folder, busyLimitMs);
    this.#opened.set(folder, known);
    return known;
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#translated(() => this.#prepare(sql).all(...values));
  }

  /** The first row. */
  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#translated(() => this.#prepare(sql).get(...values));
  }

  /** @returns how many rows were changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return this.#translated(() => Number(this.#prepare(sql).run(...values).changes));
  }

  /**
   * Does all of some work or nothing; nobody else changes anything meanwhile, so it has to be short.
   *
   * @throws what the work throws.
   */
  transaction<T>(work: () => T): T {
    this.#translated(() => this.#database.exec("BEGIN IMMEDIATE"));
    try {
      const result = work();
      this.#translated(() => this.#database.exec("COMMIT"));
      return result;
    } catch (error) {
      // A full disk has made SQLite give up the transaction itself.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** Reads all of it. @throws TetherError `state-damaged` with what SQLite has found. */
  check(): void {
    const lines = this.all("PRAGMA integrity_check").map((row) => String(row["integrity_check"]));
    const found = lines.filter((line) => line !== "ok").join("; ");
    if (found !== "") throw damaged(this.#path, found.replaceAll(/\s+/g, " "));
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

  /** Spares room for {@link withReserve}, if that has been used and there is room again. */
  makeReserve(): void {
    const reserve = join(this.#root, RESERVE);
    if (existsSync(reserve)) return;
    try {
      writeFileSync(reserve, Buffer.alloc(RESERVE_BYTES), { mode: 0o600 });
    } catch {
      // Whoever comes when there is room again makes it.
      rmSync(reserve, { force: true });
    }
  }

  #open(folder: StateFolder): DatabaseSync {
    if (!existsSync(this.#path)) makeDatabase(this.#path);
    checkFile(this.#path);
    const database = new DatabaseSync(this.#path, { timeout: this.#busyLimitMs });
    // Of one that was repaired; ours has it from its beginning.
    database.exec("PRAGMA journal_mode = WAL");
    // The kernel keeps what was written for whoever comes after a kill; a power cut may cost the last changes, no more.
    database.exec("PRAGMA synchronous = NORMAL");
    migrate(database, folder);
    return database;
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
      throw stateFailure(error, this.#path, this.#busyLimitMs);
    }
  }
}

/**
 * Makes an empty database with a write-ahead log, whole: several processes that change over to one at the same time are not
 * waited for by SQLite, but refused.
 */
function makeDatabase(path: string): void {
  // SQLite would take it for the new one's.
  if (existsSync(`${path}-wal`) && !existsSync(path))
    throw damaged(path, `it is gone, but its log ${path}-wal is there`);
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

/** @throws TetherError `state-damaged` for an empty file, which SQLite would take for a new database. */
function checkFile(path: string): void {
  const { size, mode } = statSync(path);
  if (size === 0) throw damaged(path, "it is empty");
  // SQLite gives its further files the rights of this one; one that was put back may be for everybody.
  if ((mode & 0o077) !== 0) chmodSync(path, 0o600);
}
