import { isDirectoryMode, isFileMode, isLinkMode, type PathStatus } from "../../protocol/archive-commands.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import type { CommandRunner } from "./archive-channel.ts";
import { findLocalDestination, findLocalSource, packLocal, unpackLocal } from "./archive-local.ts";
import {
  absolutePath,
  assertsFolder,
  type CopyDestination,
  isContent,
  planCopy,
  splitPath,
} from "./archive-plan.ts";
import { copyFromContainer, copyToContainer, statInContainer } from "./archive-transfer.ts";

/** `docker cp`'s options. */
export interface CopyOptions {
  /** `-a`: owners are kept. */
  readonly keepsOwner: boolean;
  /** `-L`: a link that the source names is followed. */
  readonly follows: boolean;
}

/**
 * Copies from a running container to this machine, as `docker cp CONTAINER:SOURCE DESTINATION`.
 *
 * @returns how many bytes the archive had.
 */
export async function copyOut(
  runner: CommandRunner,
  given: string,
  destination: string,
  { follows, keepsOwner }: CopyOptions,
): Promise<number> {
  const source = absolutePath("/", given);
  const target = findLocalDestination(destination);
  const followed = follows ? await followInContainer(runner, source) : source;
  const { status, archive } = await copyFromContainer(runner, followed);
  const counted = new CountedBytes(archive);
  const plan = planCopy({ path: followed, isFolder: isDirectoryMode(status.mode) }, target);
  // Under the name that was asked for, not the followed link's target's.
  const name = plan.name ?? (followed === source ? undefined : splitPath(source).name);
  await unpackLocal(counted, { ...plan, name }, keepsOwner);
  return counted.bytes;
}

/** The archive of a path in a container, for `docker cp CONTAINER:SOURCE -`. */
export async function archiveOut(
  runner: CommandRunner,
  given: string,
  { follows }: CopyOptions,
): Promise<AsyncIterable<Uint8Array>> {
  const source = absolutePath("/", given);
  const followed = follows ? await followInContainer(runner, source) : source;
  return (await copyFromContainer(runner, followed)).archive;
}

/**
 * Copies from this machine to a running container, as `docker cp SOURCE CONTAINER:DESTINATION`.
 *
 * @returns how many bytes the archive had.
 */
export async function copyIn(
  runner: CommandRunner,
  source: string,
  destination: string,
  { follows, keepsOwner }: CopyOptions,
): Promise<number> {
  const found = findLocalSource(source, follows);
  const target = await findInContainer(runner, destination);
  const plan = planCopy(found, target);
  const counted = new CountedBytes(packLocal(found, plan.name ?? found.name));
  await copyToContainer(runner, plan.folder, counted, {
    keepsDirectories: true,
    asContainerUser: keepsOwner,
  });
  return counted.bytes;
}

/** Unpacks an archive in a folder of a running container, as `docker cp - CONTAINER:DESTINATION`. */
export async function archiveIn(
  runner: CommandRunner,
  archive: AsyncIterable<Uint8Array>,
  destination: string,
  { keepsOwner }: CopyOptions,
): Promise<void> {
  const target = await findInContainer(runner, destination);
  if (target.there !== "folder")
    throw new TetherError("copy-impossible", `destination "${destination}" must be a directory`);
  await copyToContainer(runner, target.path, archive, {
    keepsDirectories: true,
    asContainerUser: keepsOwner,
  });
}

/** A copy's destination: what is there, a link followed once more than the guest does on the way. */
async function findInContainer(runner: CommandRunner, given: string): Promise<CopyDestination> {
  const path = absolutePath("/", given);
  const status = await tryStat(runner, path);
  if (status === undefined) return { path, there: undefined };
  if (!isLinkMode(status.mode)) return { path, there: kindOf(status, path) };
  const target = status.linkTarget;
  const behind = await tryStat(runner, target);
  return { path: target, there: behind === undefined ? undefined : kindOf(behind, path) };
}

function kindOf({ mode }: PathStatus, path: string): "folder" | "file" {
  if (isDirectoryMode(mode)) return "folder";
  if (isFileMode(mode)) return "file";
  throw new TetherError("copy-impossible", `destination "${path}" must be a directory or a regular file`);
}

async function tryStat(runner: CommandRunner, path: string): Promise<PathStatus | undefined> {
  try {
    return await statInContainer(runner, path);
  } catch (error) {
    if (error instanceof TetherError && error.code === "file-not-found") return undefined;
    throw error;
  }
}

async function followInContainer(runner: CommandRunner, path: string): Promise<string> {
  if (assertsFolder(path)) return path;
  const { mode, linkTarget } = await statInContainer(runner, path);
  return isLinkMode(mode) && !isContent(path) ? linkTarget : path;
}

class CountedBytes implements AsyncIterable<Uint8Array> {
  bytes = 0;
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** One iteration, however often it is asked for: reading goes on where it stopped. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: async () => {
        const next = await this.#chunks.next();
        if (next.done !== true) this.bytes += next.value.length;
        return next;
      },
      return: async () => (await this.#chunks.return?.()) ?? { done: true, value: undefined },
    };
  }
}
