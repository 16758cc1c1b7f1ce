import { lstat, readlink } from "node:fs/promises";

import { type ByteString, fromBytes, fromText, toBytes } from "../../../protocol/archive/index.ts";
import type { TreeChanges } from "./tree-changes.ts";
import type { TreeFile, TreeKind } from "./tree-state.ts";

/** Why debugfs cannot be told: the disk has to be made in another way. */
export class NotTellable extends Error {}

/** debugfs reads lines of so many bytes (BUFSIZ), and takes a longer one for two. */
const LONGEST_LINE = 8_190;

/** The first digits of modes that have to be set (S_IFMT). */
const TYPES: Readonly<Partial<Record<TreeKind, string>>> = {
  ...{ folder: "04", fifo: "01", character: "02", block: "06" },
};

/** What debugfs takes as a device's number. */
const HIGHEST_DEVICE_PART = 65_535;

/**
 * The commands by which debugfs (e2fsprogs 1.47) makes a disk what a tree has become.
 *
 * @param tree the unpacked image; contents are read from there.
 * @throws NotTellable for names with line breaks, and numbers of devices that debugfs does not take.
 */
export async function writeDiskScript(tree: string, changes: TreeChanges): Promise<Buffer> {
  const script = new Script(fromText(tree));
  for (const file of changes.removed) script.add(file.kind === "folder" ? "rmdir" : "rm", `/${file.path}`);
  for (const file of changes.made) await script.make(file);
  for (const file of [...changes.made, ...changes.kept]) script.setAttributes(file);
  return script.bytes();
}

class Script {
  readonly #tree: ByteString;
  readonly #lines: ByteString[] = [];
  /** The first name of each file that has several. */
  readonly #names = new Map<string, ByteString>();
  #folder: ByteString | undefined;

  constructor(tree: ByteString) {
    this.#tree = tree;
  }

  bytes(): Buffer {
    return toBytes(this.#lines.map((line) => `${line}\n`).join(""));
  }

  add(command: string, ...words: readonly ByteString[]): void {
    const line = [command, ...words.map(quote)].join(" ");
    // It would also end the line at a carriage return.
    if (/[\n\r]/.test(line) || line.length > LONGEST_LINE) throw new NotTellable(JSON.stringify(line));
    this.#lines.push(line);
  }

  async make(file: TreeFile): Promise<void> {
    const path = `/${file.path}`;
    const source = `${this.#tree}${path}`;
    const first = file.kind === "folder" ? undefined : this.#names.get(file.inode);
    const name = this.#enterFolderOf(path);
    if (first !== undefined) return this.add("ln", first, name);
    if (file.links > 1) this.#names.set(file.inode, path);
    switch (file.kind) {
      case "folder":
        return this.add("mkdir", name);
      case "symlink":
        return this.add("symlink", name, fromBytes(await readlink(toBytes(source), { encoding: "buffer" })));
      case "file":
        return this.add("write", source, name);
      case "fifo":
        return this.add("mknod", name, "p");
      case "character":
        return this.add("mknod", name, "c", ...(await numbersOf(source)));
      case "block":
        return this.add("mknod", name, "b", ...(await numbersOf(source)));
      case "socket":
        throw new NotTellable("a socket");
    }
  }

  /** What debugfs has chosen itself: an owner, a mode but for files and symbolic links, and the present time. */
  setAttributes({ path, kind, mode, uid, gid, modified, links, inode }: TreeFile): void {
    const name = `/${path}`;
    // The others are the same file.
    if (kind !== "folder" && links > 1 && this.#names.get(inode) !== name) return;
    const set = (field: string, value: string): void => this.add("set_inode_field", name, field, value);
    const type = TYPES[kind];
    if (type !== undefined) set("mode", `${type}${mode.padStart(4, "0")}`);
    set("uid", String(uid));
    set("gid", String(gid));
    // As mke2fs does: 32 bits.
    set("mtime", `@${modified >>> 0}`);
    if (kind !== "folder" && links > 1) set("links_count", String(links));
  }

  /** Names are made in the present folder: some commands know no other, and others take the root for it. @returns the name. */
  #enterFolderOf(path: ByteString): ByteString {
    const slash = path.lastIndexOf("/");
    const folder = path.slice(0, slash) || "/";
    if (folder !== this.#folder) this.add("cd", folder);
    this.#folder = folder;
    return path.slice(slash + 1);
  }
}

/** Within quotes a doubled one is one. */
function quote(word: ByteString): ByteString {
  return `"${word.replaceAll('"', '""')}"`;
}

async function numbersOf(source: ByteString): Promise<string[]> {
  const status = await lstat(toBytes(source));
  const major = (status.rdev >>> 8) & 0xfff;
  const minor = (status.rdev & 0xff) | ((status.rdev >>> 12) & 0xfff00);
  if (minor > HIGHEST_DEVICE_PART) throw new NotTellable(`device ${major}:${minor}`);
  return [String(major), String(minor)];
}
