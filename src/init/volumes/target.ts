import { closeSync, constants, openSync } from "node:fs";
import { changeMode, createFileAt, makeDirectoryAt, O_PATH } from "../../protocol/archive/directory.ts";
import { type ByteString, toBytes, toText } from "../../protocol/archive/index.ts";
import type { System } from "../../system/system.ts";
import { hasCode } from "../../protocol/errors/index.ts";

/** Where volumes are mounted. */
export interface TargetRoots {
  /** Descriptor of the container's root directory, with everything that is mounted in it. */
  readonly container: number;
  /** Path of the layer disk in the agent's view: writable also when the container's root is not. */
  readonly layer: string;
}

/**
 * Opens what a volume is mounted on, and makes it with its parents when it is missing, as Docker does. Symbolic links
 * are followed inside the container's root only, whatever the image or another volume has in them.
 *
 * @param names from the root on.
 * @param isFile for a volume that is one file; what is there already may be either.
 * @returns an O_PATH descriptor for the caller to close.
 * @throws SystemCallError; the system's error `EROFS` where a read-only volume has no such folder.
 */
export function openTarget(
  system: System,
  roots: TargetRoots,
  names: readonly ByteString[],
  isFile: boolean,
): number {
  for (let depth = 1; depth <= names.length; depth += 1)
    provide(system, roots, names.slice(0, depth), isFile && depth === names.length);
  return open(system, roots.container, names, O_PATH);
}

/** @returns the path as text, for messages. */
export function describeTarget(names: readonly ByteString[]): string {
  return `/${names.map(toText).join("/")}`;
}

function provide(system: System, roots: TargetRoots, names: readonly ByteString[], isFile: boolean): void {
  if (exists(system, roots.container, names)) return;
  try {
    make(system, roots.container, names, isFile);
  } catch (error) {
    if (!hasCode(error, "EROFS")) throw error;
    makeOnLayer(system, roots, names, isFile, error);
  }
}

/** The root is read-only for the container, or what is mounted above is: only the former is ours to write to. */
function makeOnLayer(
  system: System,
  { container, layer }: TargetRoots,
  names: readonly ByteString[],
  isFile: boolean,
  refused: unknown,
): void {
  const root = openSync(layer, O_PATH | constants.O_DIRECTORY);
  try {
    make(system, root, names, isFile);
  } catch (error) {
    if (!hasCode(error, "ENOENT", "EEXIST")) throw error;
  } finally {
    closeSync(root);
  }
  if (!exists(system, container, names)) throw refused;
}

function exists(system: System, root: number, names: readonly ByteString[]): boolean {
  try {
    closeSync(open(system, root, names, O_PATH));
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

function make(system: System, root: number, names: readonly ByteString[], isFile: boolean): void {
  const parent = open(system, root, names.slice(0, -1), O_PATH | constants.O_DIRECTORY);
  const name = names.at(-1) ?? ".";
  try {
    if (isFile) closeSync(createFile(parent, name));
    else makeDirectoryAt(parent, name, 0o755);
  } finally {
    closeSync(parent);
  }
}

/** As Docker makes it: everybody may read it, should it be seen below the mount. */
function createFile(parent: number, name: ByteString): number {
  const file = createFileAt(parent, name);
  changeMode(file, 0o644);
  return file;
}

function open(system: System, root: number, names: readonly ByteString[], flags: number): number {
  return system.openInRoot(root, names.length === 0 ? "." : toBytes(names.join("/")), flags, 0);
}
