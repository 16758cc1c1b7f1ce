import { chmod, chown, lstat, mkdir, rm, utimes } from "node:fs/promises";
import { join } from "node:path";

import { chainIdsOf } from "../chain-ids.ts";
import { writeLayout } from "../layout-writer.ts";
import { makeSnapshot } from "../snapshots/index.ts";
import type { WorkFolder } from "../work-folder.ts";
import type { CheckedLayers } from "./check-layers.ts";
import { diskSizeFor, makeLayerDisk } from "./layer-disk.ts";
import type { ImportContext } from "./import-context.ts";
import { layersOfLowestSnapshot } from "./lowest-snapshot.ts";
import { completeRootTree } from "./root-tree.ts";
import { linkStoredSnapshots, MOST_SNAPSHOTS, snapshotName } from "./stored-snapshots.ts";
import { listTreeState, type TreeState } from "./tree-state.ts";
import { updateDisk } from "./update-disk.ts";

/** The name that the checked layers have for umoci. */
const CHECKED_TAG = "checked";

/** What an image's disk is made of. */
export interface ImageDiskOptions {
  /** The layers, in a layout of the work folder's. */
  readonly checked: CheckedLayers;
  /** That layout. */
  readonly layout: string;
  /** The folder of the image that is being made: snapshots are made there. */
  readonly target: string;
  readonly work: WorkFolder;
  readonly context: Pick<ImportContext, "root" | "diskSizeBytes" | "run" | "signal">;
}

/** An image's disk. */
export interface ImageDisk {
  /** The names of its snapshots, the lowest first. */
  readonly snapshots: readonly string[];
  readonly sizeBytes: number;
}

/**
 * Makes an image's disk: a snapshot for each layer, over that of the layer below. Those that an image of the store has are
 * linked; the tree of the others is unpacked by umoci, layer by layer, and what each has changed is written to a disk from
 * which its snapshot is made.
 */
export async function makeImageDisk(options: ImageDiskOptions): Promise<ImageDisk> {
  const { checked, target, context } = options;
  const chainIds = chainIdsOf(checked.layers.map(({ digest }) => digest));
  const sizeBytes = diskSizeFor({ ...checked, contentBytes: checked.sizeBytes, ...context });
  const lowest = layersOfLowestSnapshot(checked.layers);
  const known = await linkStoredSnapshots(context.root, chainIds, { target, sizeBytes, lowest });
  const builder = new DiskBuilder(options, chainIds, sizeBytes, known.files);
  if (known.layers < chainIds.length) await builder.build(known.layers, lowest);
  return { snapshots: builder.snapshots, sizeBytes };
}

class DiskBuilder {
  readonly #options: ImageDiskOptions;
  readonly #chainIds: readonly string[];
  readonly #sizeBytes: number;
  readonly #tree: string;
  readonly #disk: string;
  /** Paths, the lowest first. */
  #files: readonly string[];

  constructor(
    options: ImageDiskOptions,
    chainIds: readonly string[],
    sizeBytes: number,
    files: readonly string[],
  ) {
    this.#options = options;
    this.#chainIds = chainIds;
    this.#sizeBytes = sizeBytes;
    this.#files = files;
    this.#tree = options.work.join("tree");
    this.#disk = options.work.join("disk.raw");
  }

  get snapshots(): string[] {
    return this.#files.map((file) => file.slice(file.lastIndexOf("/") + 1));
  }

  /**
   * @param known so many layers are in the snapshots that are there.
   * @param lowest so many at least are in the first one otherwise.
   */
  async build(known: number, lowest: number): Promise<void> {
    const { layers } = this.#options.checked;
    await mkdir(this.#tree);
    await chmod(this.#tree, 0o755); // the root folder's mode when no layer names one, whatever our umask
    let before: TreeState | undefined;
    if (known > 0) {
      await this.#unpack(0, known);
      before = await this.#listTree();
      await this.#copyTop();
    }
    let unpacked = known;
    for (let next = Math.max(lowest, known + 1); next <= layers.length; next += 1) {
      const isLast = next === layers.length;
      if (!isLast && this.#files.length >= MOST_SNAPSHOTS - 1) continue;
      await this.#unpack(unpacked, next);
      before = await this.#cut(next, before);
      unpacked = next;
    }
    await rm(this.#tree, { recursive: true });
    await rm(this.#disk);
  }

  /** Makes the snapshot of what the tree is with so many layers. @returns the tree, for the next one. */
  async #cut(count: number, before: TreeState | undefined): Promise<TreeState | undefined> {
    const { target, context } = this.#options;
    const isAlone = before === undefined && count === this.#chainIds.length;
    const now = isAlone ? undefined : await this.#listTree();
    const isUpdated =
      before !== undefined &&
      now !== undefined &&
      (await updateDisk({
        ...{ disk: this.#disk, tree: this.#tree, before, now },
        ...{ script: this.#options.work.join("script"), run: context.run, signal: context.signal },
      }));
    if (!isUpdated) await this.#makeDisk();
    const file = join(target, snapshotName(this.#chainIds[count - 1] ?? ""));
    const parent = this.#files.at(-1);
    await makeSnapshot({ disk: this.#disk, parent, target: file, run: context.run, signal: context.signal });
    this.#files = [...this.#files, file];
    return now;
  }

  /** Makes the disk of the whole tree, which then stands on nothing. */
  async #makeDisk(): Promise<void> {
    const { checked, context } = this.#options;
    for (const file of this.#files) await rm(file);
    this.#files = [];
    await rm(this.#disk, { force: true });
    await makeLayerDisk({
      ...{ tree: this.#tree, disk: this.#disk, run: context.run, signal: context.signal },
      ...{ contentBytes: checked.sizeBytes, entries: checked.entries, diskSizeBytes: this.#sizeBytes },
    });
  }

  async #copyTop(): Promise<void> {
    const { run, signal } = this.#options.context;
    const top = this.#files.at(-1) ?? "";
    await run("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", top, this.#disk], { signal });
  }

  /** Unpacks the layers from one number up to before another over what the tree has. */
  async #unpack(first: number, end: number): Promise<void> {
    const { layout, checked, context } = this.#options;
    const layers = checked.layers.slice(first, end);
    await writeLayout(layout, {
      layers,
      configuration: {
        architecture: "amd64",
        os: "linux",
        rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
      },
      tag: CHECKED_TAG,
    });
    const root = await lstat(this.#tree);
    await context.run("umoci", ["raw", "unpack", "--image", `${layout}:${CHECKED_TAG}`, this.#tree], {
      signal: context.signal,
    });
    // umoci gives a root folder that none of its layers names to root, and makes it old.
    if (first > 0 && !layers.some(({ hasRoot }) => hasRoot)) {
      await chown(this.#tree, root.uid, root.gid);
      await chmod(this.#tree, root.mode & 0o7777);
      await utimes(this.#tree, root.atime, root.mtime);
    }
    await completeRootTree(this.#tree);
  }

  #listTree(): Promise<TreeState> {
    const { work, context } = this.#options;
    return listTreeState(this.#tree, {
      listing: work.join("listing"),
      run: context.run,
      signal: context.signal,
    });
  }
}
