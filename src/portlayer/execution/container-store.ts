import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { TetherError } from "../../protocol/errors/index.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import { checkContainerName, isContainerName, makeContainerName } from "./container-names.ts";
import { type ContainerRecord, containerRecordSchema } from "./container-record.ts";
import type { StateFolder } from "./state-folder.ts";

const RECORD = "container.json";

/** How many random names are tried; 2,500 exist, and afterwards a number is put behind. */
const NAME_TRIES = 20;

/**
 * The containers of a state folder. Any number of `vch` processes use one at the same time: a name is taken
 * by making a link (which only one can), a record is replaced whole.
 */
export class ContainerStore {
  readonly #folder: StateFolder;

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
    const ids = readdirSync(this.#folder.containers);
    // One record is read only: a damaged one of another container is of no concern.
    const id = ids.find((each) => each === reference) ?? this.#ownerOf(reference) ?? onlyOne(reference, ids);
    const record = id === undefined ? undefined : this.#read(id);
    if (record === undefined) throw new TetherError("no-such-container", `No such container: ${reference}`);
    return record;
  }

  /** True once another `vch` removes a container that this one runs. */
  isRemoved(id: string): boolean {
    const record = this.#read(id);
    return record === undefined || record.isRemoved === true;
  }

  /** Removes the container's folder, then its name. Its machine must be gone. */
  remove({ id, name }: ContainerRecord): void {
    rmSync(this.folderOf(id), { recursive: true, force: true });
    if (this.#ownerOf(name) === id) rmSync(join(this.#folder.names, name), { force: true });
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
      if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
      throw error;
    }
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
      return undefined;
    }
    try {
      return containerRecordSchema.parse(JSON.parse(text));
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

/** The one id that begins so. */
function onlyOne(beginning: string, ids: readonly string[]): string | undefined {
  const [match, another] = beginning === "" ? [] : ids.filter((id) => id.startsWith(beginning));
  if (another === undefined) return match;
  throw new TetherError("invalid-option", `multiple IDs found with provided prefix: ${beginning}`);
}
