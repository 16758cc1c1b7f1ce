import { createHash } from "node:crypto";
import { mkdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { MACHINE_FILE, type MachineFolder } from "../../../hypervisor/index.ts";
import { hasCode, TetherError } from "../../../protocol/errors/index.ts";
import { tether } from "../../../protocol/generated/config.js";
import { wordsOfMount } from "./mount-words.ts";
import type { BindMount, MountSettings } from "./mount-settings.ts";

/**
 * What of this machine's files a container VM is given: each folder or file once for all mounts of it that are alike, so
 * that these are one for the guest as well. Symbolic links in their paths are followed now.
 *
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function machineFolders(mounts: readonly MountSettings[]): MachineFolder[] {
  const folders = new Map<string, MachineFolder>();
  for (const mount of mounts.filter(isBind)) {
    const folder = machineFolder(mount);
    folders.set(folder.tag, folder);
  }
  return [...folders.values()];
}

/** The folders that `-v` names and that are not there, as Docker makes them. */
export function provideHostFolders(mounts: readonly MountSettings[]): void {
  for (const { source, isMade } of mounts.filter(isBind)) {
    if (!isMade || find(source) !== undefined) continue;
    try {
      mkdirSync(source, { recursive: true, mode: 0o755 });
    } catch (error) {
      throw TetherError.from(error, "invalid-option", `error while creating mount source path '${source}'`);
    }
  }
}

/** @throws TetherError `invalid-option` in Docker's words for what `--mount` names and is not there. */
export function requireHostFolders(mounts: readonly MountSettings[]): void {
  for (const mount of mounts.filter(isBind)) if (!mount.isMade) machineFolder(mount);
}

/** The document's part of a folder or file. */
export function encodeHostFolder(mount: BindMount): tether.config.Volume.$Properties {
  const { tag, isFile } = machineFolder(mount);
  return {
    subPath: Buffer.from(isFile ? MACHINE_FILE : ""),
    hostFolder: { transport: tether.config.HostFolder.Transport.VIRTIOFS, tag },
  };
}

function isBind(mount: MountSettings): mount is BindMount {
  return mount.kind === "bind";
}

function find(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw TetherError.from(error, "invalid-option", `bind source path cannot be read: ${path}`);
  }
}

function machineFolder({ source, isReadOnly, isRecursive, propagation }: BindMount): MachineFolder {
  const status = find(source);
  if (status === undefined)
    throw new TetherError(
      "invalid-option",
      `${wordsOfMount("bind")}: bind source path does not exist: ${source}`,
    );
  const isFile = status.isFile();
  // A socket or a device of this machine would be another one in the container VM, or none.
  if (!isFile && !status.isDirectory())
    throw new TetherError(
      "invalid-option",
      `${source} is neither a folder nor a file: nothing else of this machine can be mounted in a container VM`,
    );
  const folder = {
    ...{ source: realpathSync(source), isFile, isReadOnly, isRecursive },
    followsMounts: propagation === "slave" || propagation === "rslave",
  };
  const tag = createHash("sha256").update(JSON.stringify(folder)).digest("hex").slice(0, TAG_DIGITS);
  return { tag, ...folder };
}

/** virtio has 36 bytes for it. */
const TAG_DIGITS = 32;
