import { link, rm } from "node:fs/promises";
import { basename, join } from "node:path";

import { listImageFolders, readSnapshots } from "../image-folder.ts";
import { disksBelow } from "../snapshots/index.ts";

/**
 * An image's disk consists of so many snapshots at most; what its other layers have is in the topmost. QEMU opens each of
 * them for each container, and looks through all of them for what no layer has (DESIGN.md has the figures).
 */
export const MOST_SNAPSHOTS = 16;

/** The file of a snapshot, by the chain id of its layer. */
export function snapshotName(chainId: string): string {
  return `${chainId.replace(":", "-")}.qcow2`;
}

/** Snapshots of an image that is being made, the lowest first, in its folder. */
export interface SnapshotChain {
  /** How many of the image's layers they have. */
  readonly layers: number;
  readonly files: readonly string[];
}

/**
 * Links the snapshots of as many of an image's layers as one image of the store has, into the folder of the new one. All are
 * of one image: those of the same layers of another have been made apart, and their blocks lie elsewhere.
 *
 * @param options `lowest`: fewer layers are of no use.
 */
export async function linkStoredSnapshots(
  root: string,
  chainIds: readonly string[],
  {
    target,
    sizeBytes,
    lowest,
  }: { readonly target: string; readonly sizeBytes: number; readonly lowest: number },
): Promise<SnapshotChain> {
  const candidates: SnapshotChain[] = [];
  for (const folder of await listImageFolders(root)) {
    const found = await findIn(folder, chainIds, sizeBytes);
    if (found !== undefined && found.layers >= lowest) candidates.push(found);
  }
  candidates.sort((a, b) => b.layers - a.layers);
  for (const { layers, files } of candidates) {
    const linked = await linkAll(files, target);
    if (linked !== undefined) return { layers, files: linked };
  }
  return { layers: 0, files: [] };
}

/** What an image has of a chain, the lowest first. */
async function findIn(
  folder: string,
  chainIds: readonly string[],
  sizeBytes: number,
): Promise<SnapshotChain | undefined> {
  const stored = await readSnapshots(folder);
  if (stored?.diskSizeBytes !== sizeBytes) return undefined;
  const layersOf = new Map(chainIds.map((id, index) => [snapshotName(id), index + 1]));
  const top = stored.names.findLast((name) => layersOf.has(name));
  if (top === undefined) return undefined;
  const chain = disksBelow(join(folder, top)).reverse();
  const isWhole = layersOf.get(top) === chainIds.length;
  // One more is to stand on it, unless it is all of the image.
  const files = chain.slice(0, isWhole ? MOST_SNAPSHOTS : MOST_SNAPSHOTS - 1);
  const layers = layersOf.get(basename(files.at(-1) ?? ""));
  return layers === undefined ? undefined : { layers, files };
}

/** @returns undefined when one of them has gone meanwhile: its image has been removed. */
async function linkAll(files: readonly string[], target: string): Promise<string[] | undefined> {
  const linked: string[] = [];
  for (const file of files) {
    const path = join(target, basename(file));
    try {
      await link(file, path);
    } catch {
      for (const each of linked) await rm(each);
      return undefined;
    }
    linked.push(path);
  }
  return linked;
}
