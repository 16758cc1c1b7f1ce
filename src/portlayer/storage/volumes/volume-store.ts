import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { hasCode, TetherError } from "../../../protocol/errors/index.ts";
import { makeVolumeDisk } from "./make-disk.ts";
import { type VolumeContent, type VolumeRecord, volumeRecordSchema } from "./volume-record.ts";

const RECORD = "volume.json";
const DISK = "disk.raw";

/** Docker's rule (moby, volume/service); what is made begins with a dot, which no name does. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Docker's names of volumes that were given none. */
const ANONYMOUS_BYTES = 32;

/** What becomes of volumes, in Docker's words. */
export type VolumeAction = "create" | "destroy";

/** A volume that is to be made. */
export interface NewVolume {
  /** Undefined: one is made up. */
  readonly name: string | undefined;
  readonly content: VolumeContent;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly isAnonymous: boolean;
}

/**
 * The volumes of a state folder: each a folder with a record and, unless it is a server's or memory, a disk. Any number
 * of `vch` processes use it: a folder appears complete under its name, by one rename(2), and goes the same way.
 */
export class VolumeStore {
  readonly #folder: string;
  readonly #onChange: (action: VolumeAction, name: string) => void;

  /**
   * @param folder where the volumes are.
   * @param onChange is told what this store has made and removed.
   */
  constructor(folder: string, onChange: (action: VolumeAction, name: string) => void = () => {}) {
    this.#folder = folder;
    this.#onChange = onChange;
  }

  /** Where a volume's disk is. */
  diskOf({ name }: Pick<VolumeRecord, "name">): string {
    return join(this.#folder, name, DISK);
  }

  /**
   * Makes a volume; one that is there already stays as it is.
   *
   * @throws TetherError `invalid-option` in Docker's words, `tool-missing`, `no-space`, `state-not-writable`.
   */
  async create(wanted: NewVolume, signal?: AbortSignal): Promise<VolumeRecord> {
    const { name = randomBytes(ANONYMOUS_BYTES).toString("hex"), content } = wanted;
    checkVolumeName(name);
    const known = this.#read(name);
    if (known !== undefined) return known;
    const record: VolumeRecord = {
      ...{ version: 1, name, created: new Date().toISOString(), content },
      ...{ labels: { ...wanted.labels }, options: { ...wanted.options }, isAnonymous: wanted.isAnonymous },
    };
    const unfinished = join(this.#folder, `.${process.pid}.${randomBytes(6).toString("hex")}`);
    mkdirSync(unfinished, { mode: 0o700 });
    try {
      if (content.type === "ext4" || content.type === "xfs")
        await makeVolumeDisk({ ...content, label: labelOf(name), file: join(unfinished, DISK), signal });
      writeFileSync(join(unfinished, RECORD), `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
      renameSync(unfinished, join(this.#folder, name));
      this.#onChange("create", name);
      return record;
    } catch (error) {
      rmSync(unfinished, { recursive: true, force: true });
      // Another vch has made it meanwhile.
      const other = this.#read(name);
      if (other !== undefined) return other;
      throw TetherError.from(error, "state-not-writable", `cannot make the volume ${name}`);
    }
  }

  /** @throws TetherError `no-such-volume` in Docker's words. */
  find(name: string): VolumeRecord {
    const record = this.#read(name);
    if (record === undefined) throw new TetherError("no-such-volume", `get ${name}: no such volume`);
    return record;
  }

  has(name: string): boolean {
    return this.#read(name) !== undefined;
  }

  /** By their names. */
  list(): VolumeRecord[] {
    return readdirSync(this.#folder)
      .filter((name) => NAME.test(name))
      .sort()
      .flatMap((name) => this.#read(name) ?? []);
  }

  /** How much of the host's disk a volume takes. */
  usedBytes(record: VolumeRecord): number {
    const status = statSync(this.diskOf(record), { throwIfNoEntry: false });
    return (status?.blocks ?? 0) * 512;
  }

  /** Removes a volume that nobody uses; one that is gone already is no error. */
  remove(name: string): void {
    if (!NAME.test(name)) return;
    const going = join(this.#folder, `.${process.pid}.${randomBytes(6).toString("hex")}`);
    try {
      renameSync(join(this.#folder, name), going);
    } catch (error) {
      if (hasCode(error, "ENOENT")) return;
      throw TetherError.from(error, "state-not-writable", `cannot remove the volume ${name}`);
    }
    this.#onChange("destroy", name);
    rmSync(going, { recursive: true, force: true });
  }

  #read(name: string): VolumeRecord | undefined {
    const path = join(this.#folder, name, RECORD);
    if (!NAME.test(name) || !existsSync(path)) return undefined;
    const record = volumeRecordSchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
    if (record.success) return record.data;
    throw new TetherError("internal", `${path} is damaged: ${record.error.message}`);
  }
}

/** @throws TetherError `invalid-option` in Docker's words. */
export function checkVolumeName(name: string): void {
  if (NAME.test(name)) return;
  if (name.length === 1)
    throw new TetherError(
      "invalid-option",
      `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
    );
  throw new TetherError(
    "invalid-option",
    `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" ` +
      "are allowed. If you intended to pass a host directory, use absolute path",
  );
}

/** The beginning of the name, as far as both file systems have room: for whoever looks at the disk. */
function labelOf(name: string): string {
  return name.slice(0, LABEL_BYTES);
}

const LABEL_BYTES = 12;
