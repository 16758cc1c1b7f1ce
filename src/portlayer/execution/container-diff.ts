import { listContainerFiles } from "../interaction/archive.ts";
import { compareFiles, type FileChange, listDiskFiles } from "../storage/index.ts";
import { openContainerFiles } from "./container-files.ts";
import type { Core } from "./core.ts";
import { settingsOf } from "./machine-start.ts";

/**
 * What a container has changed of its image's files: its guest lists what is on its disk, and the image's disk is read
 * here. Times, sizes, owners and modes are compared, as dockerd does, and no content.
 *
 * @throws TetherError as a start does, for a container that does not run.
 */
export async function listChanges(
  core: Core,
  reference: string,
  signal: AbortSignal,
): Promise<readonly FileChange[]> {
  const record = core.containers.find(reference);
  const { imageDisk } = settingsOf(record);
  await using files = await openContainerFiles(core, record.id, signal);
  const [before, now] = await Promise.all([
    collect(listDiskFiles(imageDisk)),
    collect(listContainerFiles(files.connection)),
  ]);
  return compareFiles(before, now);
}

async function collect<Item>(source: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of source) items.push(item);
  return items;
}
