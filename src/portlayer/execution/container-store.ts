import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { hasCode, TetherError } from "../../protocol/errors/index.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import { checkContainerName, isContainerName, makeContainerName } from "./container-names.ts";
import { type ContainerRecord, containerRecordSchema } from "./container-record.ts";
import { type MountSettings, ProcessLock } from "../storage/index.ts";
import { containersWith } from "./container-volumes.ts";
import { openVolumes } from "./journaled-volumes.ts";
import type { StateFolder } from "./state-folder.ts";

/** How the name of a folder ends that is no container any more. */
const REMOVED = ".removed";
const RECORD = "container.json";
const LOCK = "lock";

/** Tells whoever runs the container that it is being removed by force. */
const REMOVAL = "removal";

/** Of a container, in full. */
const ID = /^[0-9a-f]{64}$/;

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
 * The containers of a state folder. Any number of `vch` processes use one at the same time: a name is taken
 * by making a link (which only one can), a record is replaced whole.
 */
export class ContainerStore {
  readonly #folder: StateFolder;
  /** Records with their files' texts, by ids: to check a text that is known costs more than to read it. */
  readonly #known = new Map<string, { readonly text: string; readonly record: ContainerRecord }>();

  constructor(folder: StateFolder) {
    this.#folder = folder;
  }

  /** The folder with everything of one container. */
  folderOf(id: string): string {
    return join(this.#folder.containers, id);
  }

  /**
   * Makes the container's folder and record, then takes its name: whoever is killed in between leaves a container
   * that is listed and can be removed, never a name that nobody has.
   *
   * @param name undefined for a made-up one.
   * @throws TetherError `name-in-use` in Docker's words, `invalid-option`.
   */
  create(name: string | undefined, make: (name: string) => ContainerRecord): ContainerRecord {
    if (name !== undefined) checkContainerName(name);
    this.#removeLeftovers();
    const record = make(name ?? "");
    mkdirSync(this.folderOf(record.id), { mode: 0o700 });
    try {
      return this.#takeName(name, record);
    } catch (error) {
      rmSync(this.folderOf(record.id), { recursive: true, force: true });
      throw error;
    }
  }

  /** Replaces the container's record. */
  save(record: ContainerRecord): void {
    writeFileAtomically(join(this.folderOf(record.id), RECORD), `${JSON.stringify(record, undefined, 2)}\n`);
  }

  /** Every container, oldest first. One that is being removed this moment is left out. */
  list(): ContainerRecord[] {
    return readdirSync(this.#folder.containers)
      .flatMap((id) => this.#read(id) ?? [])
      .sort((a, b) => a.created.localeCompare(b.created));
  }

  /**
   * Finds a container by its name, its id or the beginning of its id, as Docker does.
   *
   * @throws TetherError `no-such-container`, `invalid-option` for an ambiguous beginning.
   */
  find(reference: string): ContainerRecord {
    // One record is read only: a damaged one of another container is of no concern.
    const id = this.#hasId(reference)
      ? reference
      : (this.#ownerOf(reference) ?? onlyOne(reference, readdirSync(this.#folder.containers)));
    const record = id === undefined ? undefined : this.#read(id);
    if (record === undefined) throw new TetherError("no-such-container", `No such container: ${reference}`);
    return record;
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
    return existsSync(join(this.folderOf(id), REMOVAL)) || !existsSync(join(this.folderOf(id), RECORD));
  }

  /**
   * Removes the container's name, its record, then everything of it. Its machine must be gone. Whoever waits for
   * its lock may get it when the record is gone, and finds that there is nothing.
   *
   * @param withVolumes also the volumes that were made for it without a name.
   */
  remove({ id, name, settings }: ContainerRecord, withVolumes = settings?.autoRemove === true): void {
    this.#known.delete(id);
    if (this.#ownerOf(name) === id) rmSync(join(this.#folder.names, name), { force: true });
    rmSync(join(this.folderOf(id), RECORD), { force: true });
    if (withVolumes) this.#removeAnonymousVolumes(settings?.mounts ?? []);
    this.#removeFolder(this.folderOf(id));
  }

  /** At one moment it is gone, with its lock: whoever waits for that would make it again while the rest is removed. */
  #removeFolder(folder: string): void {
    const removed = `${folder}${REMOVED}`;
    try {
      renameSync(folder, removed);
    } catch (error) {
      // Somebody else has removed it.
      if (hasCode(error, "ENOENT")) return;
      throw error;
    }
    rmSync(removed, { recursive: true, force: true, maxRetries: 3 });
  }

  /** What a `vch` that was killed in the middle of a removal has left. */
  #removeLeftovers(): void {
    for (const name of readdirSync(this.#folder.containers))
      if (name.endsWith(REMOVED))
        rmSync(join(this.#folder.containers, name), { recursive: true, force: true, maxRetries: 3 });
  }

  #removeAnonymousVolumes(mounts: readonly MountSettings[]): void {
    const store = openVolumes(this.#folder);
    for (const mount of mounts)
      if (mount.kind === "volume" && mount.isAnonymous && containersWith(this, mount.name).length === 0)
        store.remove(mount.name);
  }

  /**
   * Takes the new name, then gives up the old one. For whoever has the container's lock.
   *
   * @throws TetherError `name-in-use`, `invalid-option`.
   */
  rename(record: ContainerRecord, name: string): ContainerRecord {
    checkContainerName(name);
    if (!this.#take(name, record.id)) throw this.#conflict(name);
    const renamed = { ...record, name };
    this.save(renamed);
    rmSync(join(this.#folder.names, record.name), { force: true });
    return renamed;
  }

  #takeName(wanted: string | undefined, record: ContainerRecord): ContainerRecord {
    for (let attempt = 0; ; attempt++) {
      const name = wanted ?? makeContainerName() + (attempt < NAME_TRIES ? "" : String(attempt));
      const named = { ...record, name };
      this.save(named);
      if (this.#take(name, record.id)) return named;
      if (wanted !== undefined) throw this.#conflict(name);
    }
  }

  #conflict(name: string): TetherError {
    return new TetherError(
      "name-in-use",
      `Conflict. The container name "/${name}" is already in use by container "${this.#ownerOf(name) ?? "?"}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
  }

  #take(name: string, id: string): boolean {
    try {
      symlinkSync(id, join(this.#folder.names, name));
      return true;
    } catch (error) {
      if (hasCode(error, "EEXIST")) return false;
      throw error;
    }
  }

  #hasId(reference: string): boolean {
    return ID.test(reference) && existsSync(this.folderOf(reference));
  }

  #ownerOf(name: string): string | undefined {
    if (!isContainerName(name)) return undefined;
    try {
      return readlinkSync(join(this.#folder.names, name));
    } catch {
      // The name was given up between the two looks at it.
      return undefined;
    }
  }

  #read(id: string): ContainerRecord | undefined {
    let text: string;
    try {
      text = readFileSync(join(this.folderOf(id), RECORD), "utf8");
    } catch {
      // Removed this moment, or made this moment and without a record yet.
      this.#known.delete(id);
      return undefined;
    }
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
}

function rethrowAsMissing(reference: string): (error: unknown) => never {
  return (error) => {
    if (hasCode(error, "ENOENT"))
      throw new TetherError("no-such-container", `No such container: ${reference}`);
    throw error;
  };
}

/** The one id that begins so. */
function onlyOne(beginning: string, ids: readonly string[]): string | undefined {
  const [match, another] = beginning === "" ? [] : ids.filter((id) => id.startsWith(beginning));
  if (another === undefined) return match;
  throw new TetherError("invalid-option", `multiple IDs found with provided prefix: ${beginning}`);
}
