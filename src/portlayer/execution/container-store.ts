import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { hasCode, TetherError } from "../../protocol/errors/index.ts";
import { checkContainerName, makeContainerName } from "./container-names.ts";
import { type ContainerRecord, containerRecordSchema } from "./container-record.ts";
import { REMOVED, removeFolder, removeLeftovers } from "./container-leftovers.ts";
import { type MountSettings, ProcessLock } from "../storage/index.ts";
import { containersWith } from "./container-volumes.ts";
import { openVolumes } from "./journaled-volumes.ts";
import { type Row, StateDatabase } from "./state-database.ts";
import { ENDPOINT_LOCK, type StateFolder } from "./state-folder.ts";

const LOCK = "lock";

/** In a container's folder: it is written at each change of the record, for whoever waits for one. */
const CHANGED = "changed";

/** Tells whoever runs the container that it is being removed by force. */
const REMOVAL = "removal";

/** How many random names are tried; 2,500 exist, and afterwards a number is put behind. */
const NAME_TRIES = 20;

/** A container that nobody else changes, until it is disposed of. */
export class LockedContainer implements Disposable {
  readonly #store: ContainerStore;
  readonly #lock: ProcessLock;
  #record: ContainerRecord;

  constructor(store: ContainerStore, lock: ProcessLock, record: ContainerRecord) {
    this.#store = store;
    this.#lock = lock;
    this.#record = record;
  }

  get record(): ContainerRecord {
    return this.#record;
  }

  /** Whether others still have to wait. */
  get isHeld(): boolean {
    return this.#lock.isHeld;
  }

  get folder(): string {
    return this.#store.folderOf(this.#record.id);
  }

  save(record: ContainerRecord): void {
    this.#store.save(record);
    this.#record = record;
  }

  /** Gives the container another name. @throws TetherError as {@link ContainerStore.create} does. */
  rename(name: string): void {
    this.#record = this.#store.rename(this.#record, name);
  }

  /** @param withVolumes also those that were made for it without a name; left out: when it was to be removed at its end. */
  remove(withVolumes?: boolean): void {
    this.#store.remove(this.#record, withVolumes);
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }
}

/**
 * The containers of a state folder: their records and names are in its database, everything else is in a folder of each.
 * Any number of `vch` processes use one at the same time.
 */
export class ContainerStore {
  readonly #folder: StateFolder;
  readonly #database: StateDatabase;
  /** Records with their texts, by ids: to check a text that is known costs more than to read it. */
  readonly #known = new Map<string, { readonly text: string; readonly record: ContainerRecord }>();

  /** @throws TetherError `state-not-writable`. */
  constructor(folder: StateFolder) {
    this.#folder = folder;
    this.#database = StateDatabase.of(folder);
  }

  /** Whether an endpoint serves them: it starts again what is lost. */
  get isServed(): boolean {
    return ProcessLock.isTaken(join(this.#folder.root, ENDPOINT_LOCK));
  }

  /** The folder with everything of one container. */
  folderOf(id: string): string {
    return join(this.#folder.containers, id);
  }

  /** A file that is written when the container's record changes. With the folder it goes when the container is removed. */
  changeMarkOf(id: string): string {
    return join(this.folderOf(id), CHANGED);
  }

  /**
   * Makes the container's folder, record and name, all at one moment.
   *
   * @param name undefined for a made-up one.
   * @throws TetherError `name-in-use` in Docker's words, `invalid-option`, `state-not-writable`.
   */
  create(name: string | undefined, make: (name: string) => ContainerRecord): ContainerRecord {
    if (name !== undefined) checkContainerName(name);
    const record = make(name ?? "");
    removeLeftovers(this.#database, this.#folder);
    this.#database.makeReserve();
    const folder = this.folderOf(record.id);
    let isMade = false;
    try {
      return this.#database.transaction(() => {
        const named = { ...record, name: name ?? this.#makeName() };
        if (this.#ownerOf(named.name) !== undefined) throw this.#conflict(named.name);
        this.#database.run(
          "INSERT INTO containers (id, name, created, record) VALUES (?, ?, ?, ?)",
          ...[named.id, named.name, named.created, JSON.stringify(named)],
        );
        mkdirSync(folder, { mode: 0o700 });
        isMade = true;
        return named;
      });
    } catch (error) {
      if (isMade) rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Replaces the container's record. @throws TetherError `state-not-writable`. */
  save(record: ContainerRecord): void {
    this.#database.run("UPDATE containers SET record = ? WHERE id = ?", JSON.stringify(record), record.id);
    this.#tellChange(record.id);
  }

  /** Every container, oldest first. */
  list(): ContainerRecord[] {
    const all = this.#database.all("SELECT id, record FROM containers ORDER BY created, id");
    // Without its folder it is being removed, or was when its `vch` was killed.
    const folders = new Set(readdirSync(this.#folder.containers));
    const rows = all.filter(({ id }) => folders.has(String(id)));
    this.#forgetOthers(rows);
    return rows.map((row) => this.#parse(row));
  }

  /**
   * Finds a container by its id, its name or the beginning of its id, as Docker does.
   *
   * @throws TetherError `no-such-container`, `invalid-option` for an ambiguous beginning.
   */
  find(reference: string): ContainerRecord {
    // One record is read only: a damaged one of another container is of no concern.
    const row =
      this.#database.get("SELECT id, record FROM containers WHERE id = ?", reference) ??
      this.#database.get("SELECT id, record FROM containers WHERE name = ?", reference) ??
      this.#findBeginning(reference);
    if (row === undefined || !existsSync(this.folderOf(String(row["id"]))))
      throw new TetherError("no-such-container", `No such container: ${reference}`);
    return this.#parse(row);
  }

  #findBeginning(beginning: string): Row | undefined {
    if (beginning === "") return undefined;
    const [match, another] = this.#database.all(
      "SELECT id, record FROM containers WHERE substr(id, 1, ?) = ? LIMIT 2",
      ...[beginning.length, beginning],
    );
    if (another === undefined) return match;
    throw new TetherError("invalid-option", `multiple IDs found with provided prefix: ${beginning}`);
  }

  /**
   * Waits until nobody else changes the container, and keeps others from doing so until it is disposed of. The
   * record is as it is then.
   *
   * @throws TetherError as {@link find} does; also when the container was removed meanwhile.
   */
  async lock(reference: string, signal?: AbortSignal): Promise<LockedContainer> {
    const { id } = this.find(reference);
    return this.#locked(
      id,
      await ProcessLock.acquire(join(this.folderOf(id), LOCK), signal).catch(rethrowAsMissing(reference)),
    );
  }

  /** The same without waiting: undefined while somebody else has it. */
  tryLock(id: string): LockedContainer | undefined {
    try {
      const lock = ProcessLock.try(join(this.folderOf(id), LOCK));
      return lock === undefined ? undefined : this.#locked(id, lock);
    } catch (error) {
      return rethrowAsMissing(id)(error);
    }
  }

  #locked(id: string, lock: ProcessLock): LockedContainer {
    try {
      return new LockedContainer(this, lock, this.find(id));
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  /** From now on the container is being removed: whoever waits for it gives up. */
  announceRemoval(id: string): void {
    try {
      writeFileSync(join(this.folderOf(id), REMOVAL), "");
    } catch {
      // It is gone already.
    }
  }

  /** True once another `vch` removes a container that this one runs. */
  isRemoved(id: string): boolean {
    return existsSync(join(this.folderOf(id), REMOVAL)) || !existsSync(this.folderOf(id));
  }

  /**
   * Removes everything of the container: at one moment its folder is no container's any more, then go its record with its
   * name, and what the folder held. Its machine must be gone. Whoever waits for its lock finds that there is nothing.
   *
   * @param withVolumes also the volumes that were made for it without a name.
   * @throws TetherError `state-not-writable`.
   */
  remove({ id, settings }: ContainerRecord, withVolumes = settings?.autoRemove === true): void {
    const removed = this.#moveAway(id);
    const forget = (): unknown => this.#database.run("DELETE FROM containers WHERE id = ?", id);
    try {
      this.#database.withReserve(forget);
    } catch (error) {
      if (!(error instanceof TetherError) || error.code !== "no-space") throw error;
      // Its own room is what is needed to write down that it is gone.
      removeFolder(removed);
      forget();
    }
    if (withVolumes) this.#removeAnonymousVolumes(settings?.mounts ?? []);
    removeFolder(removed);
  }

  /** With its lock: whoever waits for that would make it again while the rest is removed. */
  #moveAway(id: string): string {
    const removed = `${this.folderOf(id)}${REMOVED}`;
    try {
      renameSync(this.folderOf(id), removed);
    } catch (error) {
      // Somebody else has removed it.
      if (!hasCode(error, "ENOENT")) throw error;
    }
    return removed;
  }

  #removeAnonymousVolumes(mounts: readonly MountSettings[]): void {
    const store = openVolumes(this.#folder);
    for (const mount of mounts)
      if (mount.kind === "volume" && mount.isAnonymous && containersWith(this, mount.name).length === 0)
        store.remove(mount.name);
  }

  /**
   * Gives the container another name. For whoever has the container's lock.
   *
   * @throws TetherError `name-in-use`, `invalid-option`, `state-not-writable`.
   */
  rename(record: ContainerRecord, name: string): ContainerRecord {
    checkContainerName(name);
    removeLeftovers(this.#database, this.#folder);
    const renamed = { ...record, name };
    this.#database.transaction(() => {
      if (this.#ownerOf(name) !== undefined) throw this.#conflict(name);
      this.#database.run(
        "UPDATE containers SET name = ?, record = ? WHERE id = ?",
        ...[name, JSON.stringify(renamed), record.id],
      );
    });
    this.#tellChange(record.id);
    return renamed;
  }

  #makeName(): string {
    for (let attempt = 0; ; attempt++) {
      const name = makeContainerName() + (attempt < NAME_TRIES ? "" : String(attempt));
      if (this.#ownerOf(name) === undefined) return name;
    }
  }

  #conflict(name: string): TetherError {
    return new TetherError(
      "name-in-use",
      `Conflict. The container name "/${name}" is already in use by container "${this.#ownerOf(name) ?? "?"}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
  }

  #ownerOf(name: string): string | undefined {
    const row = this.#database.get("SELECT id FROM containers WHERE name = ?", name);
    return row === undefined ? undefined : String(row["id"]);
  }

  #tellChange(id: string): void {
    try {
      writeFileSync(this.changeMarkOf(id), "", { mode: 0o600 });
    } catch (error) {
      // It is being removed: that is a change of its own.
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }

  #parse(row: Row): ContainerRecord {
    const [id, text] = [String(row["id"]), String(row["record"])];
    const known = this.#known.get(id);
    if (known?.text === text) return known.record;
    try {
      const record = containerRecordSchema.parse(JSON.parse(text));
      this.#known.set(id, { text, record });
      return record;
    } catch (error) {
      const [issue] = error instanceof z.ZodError ? error.issues : [];
      const reason = issue === undefined ? error : new Error(`${issue.path.join(".")}: ${issue.message}`);
      throw TetherError.from(
        reason,
        "internal",
        `the record of container ${id} is damaged (${this.folderOf(id)})`,
      );
    }
  }

  /** Others may have removed containers that this process knows. */
  #forgetOthers(rows: readonly Row[]): void {
    const ids = new Set(rows.map(({ id }) => id));
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
  }
}

function rethrowAsMissing(reference: string): (error: unknown) => never {
  return (error) => {
    if (hasCode(error, "ENOENT"))
      throw new TetherError("no-such-container", `No such container: ${reference}`);
    throw error;
  };
}
