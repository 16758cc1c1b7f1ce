import { chmod, open, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

import { hasCode, TetherError } from "../../protocol/errors/index.ts";
import type { Image, ImageConfiguration, ImageLayer } from "./image.ts";
import { ownBytes } from "./snapshots/index.ts";

/**
 * Names of the files of an image's folder `ROOT/<algorithm>-<hex>.v3/`, which only ever appears whole. It is an OCI
 * layout as well, with the image as it came.
 */
const RECORD = "image.json";

/**
 * The disk of an image that was imported when each had one of its own: raw, and made of all of its layers. Such an image
 * stays as it is; none is made any more.
 */
const WHOLE_DISK = "disk.raw";

/** What the record of an image is called that was removed while disks of containers stand on its own. */
const REMOVED_RECORD = "removed.json";

/**
 * The form of `image.json`, and part of the folder's name. A change of it, or of how disks are made, takes the next
 * number; older folders stay for the containers whose disks stand on theirs.
 */
const RECORD_VERSION = 3;

interface ImageRecord {
  readonly version: typeof RECORD_VERSION;
  readonly digest: string;
  readonly diskSizeBytes: number;
  readonly configuration: ImageConfiguration;
  readonly layers: readonly ImageLayer[];
  /** Files of the folder, the lowest first, each of which stands on the one before: its disk. Absent: it has a whole disk. */
  readonly snapshots?: readonly SnapshotFile[];
}

interface SnapshotFile {
  readonly name: string;
  readonly sizeBytes: number;
}

const FOLDER = new RegExp(`^(sha(?:256|512))-([0-9a-f]+)\\.v${RECORD_VERSION}$`);

/** Every image's folder, also of those that were removed and are still needed. */
export async function listImageFolders(root: string): Promise<string[]> {
  // No folder: nothing was ever imported here.
  const names = await readdir(root).catch(() => []);
  return names.filter((name) => FOLDER.test(name)).map((name) => resolve(root, name));
}

/** The digest of the image that a folder is for. */
export function digestOfFolder(folder: string): string {
  const [, algorithm, hex] = FOLDER.exec(basename(folder)) ?? [];
  return `${algorithm}:${hex}`;
}

/** The OCI layout of an image of the store: its documents and layers, as they came. */
export function layoutOf({ disk }: Pick<Image, "disk">): string {
  return dirname(disk);
}

/** The folder of the image with this digest. */
export function imageFolder(root: string, digest: string): string {
  return resolve(root, `${digest.replace(":", "-")}.v${RECORD_VERSION}`);
}

/** The image as it is in the store, or `undefined`. A damaged entry is an error: disks of containers may stand on it. */
export async function readImage(root: string, digest: string): Promise<Image | undefined> {
  const folder = imageFolder(root, digest);
  const text = await readFile(join(folder, RECORD), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw TetherError.from(error, "state-not-writable", `cannot read the image store`);
  });
  if (text === undefined) return undefined;
  const record = parseRecord(text);
  if (record?.digest !== digest || !(await isWhole(folder, record))) {
    throw new TetherError(
      "image-corrupt",
      `the stored image ${folder} is damaged: remove that folder to import the image again`,
    );
  }
  const { configuration, layers, diskSizeBytes } = record;
  const files = filesOf(record).map(({ name }) => join(folder, name));
  const disk = files.at(-1) ?? folder;
  const usedBytes = files.reduce((sum, file) => sum + ownBytes(file), 0);
  return { digest, configuration, layers, disk, diskSizeBytes, usedBytes };
}

/** Of an image's disk, the lowest first. */
function filesOf({ snapshots, diskSizeBytes }: ImageRecord): readonly SnapshotFile[] {
  return snapshots ?? [{ name: WHOLE_DISK, sizeBytes: diskSizeBytes }];
}

async function isWhole(folder: string, record: ImageRecord): Promise<boolean> {
  for (const { name, sizeBytes } of filesOf(record)) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found?.size !== sizeBytes) return false;
  }
  return true;
}

/** The snapshots of an image's folder, whether the image is in sight or not. */
export interface StoredSnapshots {
  /** File names, the lowest first. */
  readonly names: readonly string[];
  /** Of the disk. */
  readonly diskSizeBytes: number;
}

/** @returns undefined for one that has no snapshots, is damaged, or is being removed. */
export async function readSnapshots(folder: string): Promise<StoredSnapshots | undefined> {
  for (const file of [RECORD, REMOVED_RECORD]) {
    // One that is being hidden, or removed, has the other name, or none.
    const record = parseRecord(await readFile(join(folder, file), "utf8").catch(() => ""));
    if (record?.snapshots === undefined || !(await isWhole(folder, record))) continue;
    return { names: record.snapshots.map(({ name }) => name), diskSizeBytes: record.diskSizeBytes };
  }
  return undefined;
}

/** Takes an image out of the store's sight; its folder stays. @returns whether it was there. */
export async function hideImage(root: string, digest: string): Promise<boolean> {
  const folder = imageFolder(root, digest);
  return renameIfThere(join(folder, RECORD), join(folder, REMOVED_RECORD));
}

/** Brings one back that was hidden and is still there. @returns whether there was one. */
export async function restoreImage(root: string, digest: string): Promise<boolean> {
  const folder = imageFolder(root, digest);
  return renameIfThere(join(folder, REMOVED_RECORD), join(folder, RECORD));
}

/** The digests of the images that are hidden. */
export async function listHiddenImages(root: string): Promise<string[]> {
  const hidden: string[] = [];
  for (const folder of await listImageFolders(root))
    if ((await stat(join(folder, REMOVED_RECORD)).catch(() => undefined)) !== undefined)
      hidden.push(digestOfFolder(folder));
  return hidden;
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw TetherError.from(error, "state-not-writable", "cannot change the image store");
  }
}

/** What is known of an image that is made. */
export interface NewRecord
  extends Pick<ImageRecord, "digest" | "configuration" | "diskSizeBytes" | "layers"> {
  /** File names, the lowest first. */
  readonly snapshots: readonly string[];
}

/**
 * Makes the prepared folder, which holds the image's snapshots and its layout, the store's entry for the image, in one
 * step. When another process was faster its entry stays, and the caller's folder is left for the caller to remove.
 */
export async function publishImage(
  root: string,
  prepared: string,
  { snapshots: names, ...image }: NewRecord,
): Promise<void> {
  const snapshots: SnapshotFile[] = [];
  for (const name of names) snapshots.push({ name, sizeBytes: (await stat(join(prepared, name))).size });
  const record: ImageRecord = { version: RECORD_VERSION, ...image, snapshots };
  await writeFile(join(prepared, RECORD), `${JSON.stringify(record, undefined, 2)}\n`);
  // On the disk before the name is: after a power cut the name must not lead to blocks never written.
  const entries = await readdir(prepared, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    await chmod(path, 0o444);
    await synchronise(path);
  }
  await chmod(prepared, 0o755);
  try {
    await rename(prepared, imageFolder(root, image.digest));
  } catch (error) {
    if (!hasCode(error, "ENOTEMPTY", "EEXIST")) throw error;
    // It may be one that is hidden.
    await restoreImage(root, image.digest);
  }
}

async function synchronise(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.datasync();
}

/**
 * Reads our own record by hand: this is on the path of every start, where loading zod would take 40 ms
 * (measured), and the record was written whole by this very file.
 */
function parseRecord(text: string): ImageRecord | undefined {
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record !== "object" || record === null) return undefined;
    return "version" in record && record.version === RECORD_VERSION ? (record as ImageRecord) : undefined;
  } catch {
    return undefined; // not JSON: damaged, which the caller reports
  }
}
