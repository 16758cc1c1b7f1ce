import { closeSync, constants, mkdirSync, openSync, readdirSync } from "node:fs";
import {
  changeMode,
  changeOwner,
  itself,
  namesIn,
  nameAt,
  O_PATH,
  removeTreeAt,
  renameAt,
  statusOf,
  tryNameAt,
} from "../../protocol/archive/directory.ts";
import { toBytes, toText } from "../../protocol/archive/index.ts";
import { hasCode, TetherError } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import type { VolumeConfiguration } from "./configuration.ts";

/** Copies what is in one folder, with owners, modes, times, attributes, links and holes, into another, which is empty. */
export type CopyFolder = (source: number, target: number) => Promise<void>;

/** What a volume's content is chosen and made by. */
export interface ContentParts {
  readonly system: System;
  readonly copyFolder: CopyFolder;
  /** Path of the layer disk in the agent's view. */
  readonly layer: string;
  /** The volume is mounted at another target already. */
  readonly isShared: boolean;
}

/** The folder on a disk that holds what containers see of it: `lost+found` is beside it. */
export const DATA = ".tether-data";
/** It is made under this name, and renamed when it is complete. */
const UNFINISHED = ".tether-data.new";
const LOST_AND_FOUND = "lost+found";

/** Some thousands of names at most. */
const MOST_LISTED_BYTES = 64 * 1024;

/**
 * Opens what a container sees of a volume that is mounted in the agent's view. On a disk that is writable and holds
 * nothing, the folder {@link DATA} is made for it; one that somebody else has filled is shown from its root on.
 *
 * @param mountPoint where the volume is mounted.
 * @returns an O_PATH descriptor of a folder, or of a file for a sub-path that names one; for the caller to close.
 * @throws TetherError `volume-failed`.
 */
export async function openContent(
  volume: VolumeConfiguration,
  mountPoint: string,
  parts: ContentParts,
): Promise<number> {
  const root = openSync(mountPoint, O_PATH | constants.O_DIRECTORY);
  try {
    const isDisk = volume.source.kind === "block";
    if (isDisk && !volume.isReadOnly) await provideData(volume, root, parts);
    else if (!isDisk && wantsImage(volume) && !volume.isReadOnly) await fillInPlace(volume, root, parts);
    const base = (isDisk ? openData(root) : undefined) ?? nameAt(root, ".");
    return volume.subPath === "" ? base : openSubPath(volume, base, parts.system);
  } finally {
    closeSync(root);
  }
}

/** Docker, too, leaves a part of a volume as it is. */
function wantsImage({ isPopulated, subPath }: VolumeConfiguration): boolean {
  return isPopulated && subPath === "";
}

/** A symbolic link of this name is none of ours. */
function openData(root: number): number | undefined {
  const data = tryNameAt(root, DATA);
  if (data === undefined || statusOf(data).isDirectory()) return data;
  closeSync(data);
  return undefined;
}

/** Complete or not there: whoever is interrupted begins anew. */
async function provideData(volume: VolumeConfiguration, root: number, parts: ContentParts): Promise<void> {
  const data = openData(root);
  try {
    if (data === undefined && !isEmpty(root, true)) return;
    if (data !== undefined && (!wantsImage(volume) || !isEmpty(data, true))) return;
    if (data !== undefined && parts.isShared) {
      // It is mounted for another target: it has to stay the same folder.
      await takeImageFolder(volume, data, parts);
      return;
    }
  } finally {
    if (data !== undefined) closeSync(data);
  }
  removeTreeAt(root, UNFINISHED);
  mkdirSync(toBytes(`${itself(root)}/${UNFINISHED}`), 0o755);
  const made = nameAt(root, UNFINISHED);
  try {
    changeMode(made, 0o755);
    // What was copied must be on the disk before its name is.
    if (wantsImage(volume) && (await takeImageFolder(volume, made, parts))) parts.system.sync();
    renameAt(root, UNFINISHED, root, DATA);
  } finally {
    closeSync(made);
  }
}

async function fillInPlace(volume: VolumeConfiguration, root: number, parts: ContentParts): Promise<void> {
  // A server or a host may say any size.
  if (isEmpty(root, false)) await takeImageFolder(volume, root, parts);
}

/** What the image has at the target, below whatever is mounted over it, with the folder's own owner and mode. */
async function takeImageFolder(
  volume: VolumeConfiguration,
  target: number,
  { system, copyFolder, layer }: ContentParts,
): Promise<boolean> {
  const source = openImageFolder(volume, system, layer);
  if (source === undefined) return false;
  try {
    await copyFolder(source, target);
    const { uid, gid, mode } = statusOf(source);
    changeOwner(target, Number(uid), Number(gid));
    changeMode(target, Number(mode & 0o7777n));
    return true;
  } catch (error) {
    throw TetherError.from(
      error,
      "volume-failed",
      `volume ${volume.name} could not be filled from the image`,
    );
  } finally {
    closeSync(source);
  }
}

function openImageFolder({ target }: VolumeConfiguration, system: System, layer: string): number | undefined {
  const root = openSync(layer, O_PATH | constants.O_DIRECTORY);
  try {
    return system.openInRoot(root, toBytes(target.join("/")), O_PATH | constants.O_DIRECTORY, 0);
  } catch (error) {
    // The image has no folder there.
    if (hasCode(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  } finally {
    closeSync(root);
  }
}

/**
 * Node's handles of directories are 35 ms of code that an emulated guest has never run; a list has all names in memory.
 *
 * @param isBounded its file system says how large it is.
 */
function isEmpty(directory: number, isBounded: boolean): boolean {
  const isSmall = isBounded && statusOf(directory).size <= MOST_LISTED_BYTES;
  const names = isSmall ? readdirSync(itself(directory), { encoding: "latin1" }) : namesIn(directory);
  for (const name of names) if (name !== LOST_AND_FOUND && name !== UNFINISHED) return false;
  return true;
}

function openSubPath({ name, subPath }: VolumeConfiguration, base: number, system: System): number {
  try {
    return system.openInRoot(base, toBytes(subPath), O_PATH, 0);
  } catch (error) {
    throw new TetherError("volume-failed", `volume ${name} has no ${toText(subPath)}`, { cause: error });
  } finally {
    closeSync(base);
  }
}
