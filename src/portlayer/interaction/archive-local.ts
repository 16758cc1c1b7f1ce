import { closeSync, constants, lstatSync, openSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { O_PATH } from "../../protocol/archive/directory.ts";
import {
  ByteSource,
  fromText,
  type MemberReader,
  packTree,
  type TarEntry,
  TarReader,
  unpackTree,
} from "../../protocol/archive/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { hostFileCalls } from "./archive-host-calls.ts";
import {
  absolutePath,
  assertsFolder,
  type CopyDestination,
  type CopyPlan,
  type CopySource,
  isContent,
  splitPath,
} from "./archive-plan.ts";

/** What of this machine is copied, and under which name it is archived. */
export interface LocalSource extends CopySource {
  readonly name: string;
}

/**
 * Looks at what is to be copied.
 *
 * @param follows whether a link that the path names is followed; one that ends in a slash always is.
 * @throws TetherError `file-not-found`.
 */
export function findLocalSource(given: string, follows: boolean): LocalSource {
  const path = absolutePath(process.cwd(), given);
  return described("lstat", path, () => {
    const { folder, name } = splitPath(path);
    const itself = join(folder, name);
    const isFollowed = follows || (assertsFolder(path) && !isContent(path));
    const found = isFollowed ? realpathSync(itself) : itself;
    const status = isContent(path) ? statSync(folder) : lstatSync(found);
    if (assertsFolder(path) && !status.isDirectory())
      throw new TetherError("copy-impossible", `${path} is not a directory`);
    return { path: isContent(path) ? path : found, isFolder: status.isDirectory(), name };
  });
}

/** Packs it. @param name what it is called in the archive. */
export async function* packLocal(source: LocalSource, name: string): AsyncGenerator<Buffer> {
  const place = splitPath(source.path);
  const directory = described("open", place.folder, () => openFolder(place.folder));
  try {
    const archiveName = fromText(place.name === "." && name === "" ? "." : name);
    yield* packTree({ directory, name: fromText(place.name), archiveName }, hostFileCalls);
  } finally {
    closeSync(directory);
  }
}

/** A chain of links that is longer leads nowhere, as for Docker. */
const MOST_LINKS = 10;

/**
 * Looks at where a copy is to go, links followed.
 *
 * @throws TetherError `file-not-found` when not even the folder above is there.
 */
export function findLocalDestination(given: string): CopyDestination {
  const path = absolutePath(process.cwd(), given);
  let current = path;
  for (let links = 0; ; links++) {
    const status = described("lstat", current, () => lstatSync(current, { throwIfNoEntry: false }));
    if (status === undefined) return { path: withFolderAbove(current), there: undefined };
    if (status.isDirectory()) return { path: current, there: "folder" };
    if (status.isFile()) return { path: current, there: "file" };
    if (!status.isSymbolicLink() || links === MOST_LINKS)
      throw new TetherError(
        "copy-impossible",
        `invalid output path: "${path}" must be a directory or a regular file`,
      );
    const target = readlinkSync(current);
    current = target.startsWith("/") ? target : join(dirname(current), target);
  }
}

function withFolderAbove(path: string): string {
  const { folder } = splitPath(path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new TetherError("file-not-found", `invalid output path: directory "${folder}" does not exist`);
  return path;
}

/**
 * Unpacks what a container sent. Its members land below the plan's folder, never through a symbolic link, be it
 * the archive's or one that was there; devices are refused.
 *
 * @param keepsOwner files get the owners that they have in the container, with set-id bits; needs root.
 */
export async function unpackLocal(
  archive: AsyncIterable<Uint8Array>,
  plan: CopyPlan,
  keepsOwner: boolean,
): Promise<void> {
  const directory = described("open", plan.folder, () => openFolder(plan.folder));
  const source = new ByteSource(archive);
  const reader = new TarReader(source);
  try {
    await unpackTree(directory, plan.name === undefined ? reader : new RenamedReader(reader, plan.name), {
      calls: hostFileCalls,
      keepsDirectories: true,
      owner: keepsOwner ? "as-archived" : "unpacker",
      keepsSetId: keepsOwner,
    });
    // To the end, where the guest says whether that was all.
    await source.drain();
  } finally {
    await source.close();
    closeSync(directory);
  }
}

/** Gives the first part of every member's name another name; hard links are members' names too. */
class RenamedReader implements MemberReader {
  readonly #reader: MemberReader;
  readonly #name: string;

  constructor(reader: MemberReader, name: string) {
    this.#reader = reader;
    this.#name = fromText(name);
  }

  async next(): Promise<TarEntry | undefined> {
    const entry = await this.#reader.next();
    if (entry === undefined) return undefined;
    const linkTarget = entry.kind === "hardlink" ? this.#rename(entry.linkTarget) : entry.linkTarget;
    return { ...entry, name: this.#rename(entry.name), linkTarget };
  }

  content(most: number): Promise<Buffer | undefined> {
    return this.#reader.content(most);
  }

  #rename(name: string): string {
    const slash = name.indexOf("/");
    return slash < 0 ? this.#name : `${this.#name}${name.slice(slash)}`;
  }
}

function openFolder(path: string): number {
  return openSync(path, O_PATH | constants.O_DIRECTORY);
}

function described<Result>(call: string, path: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    if (error instanceof TetherError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ENOENT")
      throw new TetherError("file-not-found", `${call} ${path}: no such file or directory`, { cause: error });
    throw TetherError.from(error, "copy-impossible", basename(path));
  }
}
