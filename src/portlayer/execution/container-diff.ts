import { type CommandRunner, listContainerFiles } from "../interaction/archive.ts";
import { compareFiles, type FileChange, listDiskFiles } from "../storage/index.ts";
import { openContainerFiles } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { Core } from "./core.ts";
import { settingsOf } from "./machine-start.ts";

/**
 * What a container has changed of its image's files.
 *
 * @throws TetherError as a start does, for a container that does not run.
 */
export async function listChanges(
  core: Core,
  reference: string,
  signal: AbortSignal,
): Promise<readonly FileChange[]> {
  const record = core.containers.find(reference);
  await using files = await openContainerFiles(core, record.id, signal);
  return await compareWithImage(record, files.connection);
}

/**
 * Compares a container's files with its image's: its guest lists what is on its disk, and the image's disk is read here.
 * Times, sizes, owners and modes are compared, as dockerd does, and no content.
 */
export async function compareWithImage(
  record: ContainerRecord,
  guest: CommandRunner,
): Promise<readonly FileChange[]> {
  const [before, now] = await Promise.all([
    collect(listDiskFiles(settingsOf(record).imageDisk)),
    collect(listContainerFiles(guest)),
  ]);
  return compareFiles(before, now);
}

async function collect<Item>(source: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of source) items.push(item);
  return items;
}
