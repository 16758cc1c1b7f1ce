import { chmod, open, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { TetherError } from "../../protocol/errors/index.ts";
import type { Image, ImageConfiguration } from "./image.ts";

/** Names of the files of an image's folder `ROOT/<algorithm>-<hex>.v2/`, which only ever appears whole. */
const DISK = "disk.raw";
const RECORD = "image.json";

/** What stat(2) counts in. */
const BLOCK_BYTES = 512;

/**
 * The form of `image.json`, and part of the folder's name. A change of it, or of how disks are made, takes the next
 * number; older folders stay for the containers whose disks stand on theirs.
 */
const RECORD_VERSION = 2;

interface ImageRecord {
  readonly version: typeof RECORD_VERSION;
  readonly digest: string;
  readonly diskSizeBytes: number;
  readonly configuration: ImageConfiguration;
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
  const disk = join(folder, DISK);
  const found = await stat(disk).catch(() => undefined);
  if (record === undefined || record.digest !== digest || found?.size !== record.diskSizeBytes) {
    throw new TetherError(
      "image-corrupt",
      `the stored image ${folder} is damaged: remove that folder to import the image again`,
    );
  }
  const { configuration, diskSizeBytes } = record;
  return { digest, configuration, disk, diskSizeBytes, usedBytes: found.blocks * BLOCK_BYTES };
}

/**
 * Makes the prepared folder, which holds `disk.raw`, the store's entry for the image, in one step. When
 * another process was faster its entry stays, and the caller's folder is left for the caller to remove.
 */
export async function publishImage(
  root: string,
  prepared: string,
  image: {
    readonly digest: string;
    readonly configuration: ImageConfiguration;
    readonly diskSizeBytes: number;
  },
): Promise<void> {
  const record: ImageRecord = { version: RECORD_VERSION, ...image };
  await writeFile(join(prepared, RECORD), `${JSON.stringify(record, undefined, 2)}\n`);
  await chmod(join(prepared, DISK), 0o444);
  // On the disk before the name is: after a power cut the name must not lead to blocks never written.
  await synchronise(join(prepared, DISK));
  await synchronise(join(prepared, RECORD));
  await chmod(prepared, 0o755);
  try {
    await rename(prepared, imageFolder(root, image.digest));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
  }
}

/** The path of the disk inside a folder that is being prepared. */
export const diskPath = (folder: string): string => join(folder, DISK);

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
