import { closeSync, constants, readlinkSync } from "node:fs";
import { itself, O_PATH, readLinkAt, unlessAbsent } from "../protocol/archive/directory.ts";
import { type ByteString, fromBytes, toBytes } from "../protocol/archive/index.ts";
import type { System } from "../system/system.ts";

/** Something in a container: the open folder that it is in, and its name there. */
export interface Place extends Disposable {
  /** O_PATH descriptor; closed with the place. */
  readonly directory: number;
  /** `.` for the folder itself. */
  readonly name: ByteString;
}

/**
 * Looks paths up as the container sees them: below its root directory and with its own mounts, since the
 * descriptor of the root belongs to the container's mount namespace. No symbolic link leads out of it
 * (openat2(2), RESOLVE_IN_ROOT), also while the container changes the tree.
 */
export class ContainerRoot {
  readonly system: System;
  readonly #root: number;

  /** @param root descriptor of the container's root directory; stays the caller's. */
  constructor(system: System, root: number) {
    this.system = system;
    this.#root = root;
  }

  /**
   * Opens the folder that a path lies in, following links on the way but not what the path names, unless it
   * ends in `/` or `/.`; then it is the folder that it leads to. `..` is taken from the text, as Docker does.
   */
  locate(path: ByteString): Place {
    const { folder, name } = splitPath(path);
    const directory = this.open(folder, O_PATH | constants.O_DIRECTORY);
    return { directory, name, [Symbol.dispose]: () => closeSync(directory) };
  }

  /** As {@link locate}, but `..` is the kernel's: the folder above the one that a link leads to. */
  place(path: ByteString): Place {
    const slash = path.lastIndexOf("/");
    const last = path.slice(slash + 1);
    const isFolder = last === "" || last === "." || last === "..";
    const folder = isFolder ? path : path.slice(0, slash + 1);
    const directory = this.open(folder === "" ? "/" : folder, O_PATH | constants.O_DIRECTORY);
    return { directory, name: isFolder ? "." : last, [Symbol.dispose]: () => closeSync(directory) };
  }

  /** Opens a path, following links; the descriptor is the caller's. Without O_PATH, only of what is safe to open. */
  open(path: ByteString, flags: number, mode = 0): number {
    return this.system.openInRoot(this.#root, toBytes(path), flags, mode);
  }

  /** The path in the container that something leads to, links resolved; a dangling link's by its text. */
  resolve(path: ByteString): ByteString {
    const descriptor = unlessAbsent(() => this.open(path, O_PATH));
    if (descriptor === undefined) return this.#resolveText(path);
    try {
      return this.pathOf(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Where in the container a descriptor is. */
  pathOf(descriptor: number): ByteString {
    const text = (of: number): ByteString => fromBytes(readlinkSync(itself(of), "buffer"));
    // In a VM the root is "/" in its namespace; in a test it is a folder of this machine.
    const [root, path] = [text(this.#root), text(descriptor)];
    const below = root === "/" || !path.startsWith(root) ? path : path.slice(root.length);
    return below === "" ? "/" : below;
  }

  #resolveText(path: ByteString): ByteString {
    using place = this.locate(path);
    const target = readLinkAt(place.directory, place.name);
    return normalize(target.startsWith("/") ? target : `${splitPath(path).folder}/${target}`);
  }
}

/** A path's folder and last name, from the root on. */
export function splitPath(path: ByteString): { folder: ByteString; name: ByteString } {
  const whole = normalize(path);
  if (whole === "/" || /\/\.?$/.test(path)) return { folder: whole, name: "." };
  const slash = whole.lastIndexOf("/");
  return { folder: whole.slice(0, slash) || "/", name: whole.slice(slash + 1) };
}

/** Absolute, without `.`, `..` and doubled slashes, by the text alone. */
export function normalize(path: ByteString): ByteString {
  const parts: ByteString[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
