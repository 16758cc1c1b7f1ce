import { resolve } from "node:path";

import { fingerprintOf, readDigest, writeDigest } from "./digest-records.ts";
import { readImage } from "./image-folder.ts";
import { findNamedImage, listImages, type NamedImage, nameImage } from "./image-names.ts";
import type { ImageReference } from "./image-reference.ts";
import type { Image } from "./image.ts";
import { runTool, type ToolRunner } from "./tool-runner.ts";
import { removeStaleWorkFolders } from "./work-folder.ts";

/** Docker's and VIC's default for a container's root disk is 8 to 10 GB; the file is sparse. */
const DEFAULT_DISK_SIZE_BYTES = 10 * 1024 ** 3;

/** What an image store is made of. */
export interface ImageStoreOptions {
  /** Its folder (`<state>/images`); made when first needed. */
  readonly root: string;
  /** Virtual size of disks made from now on; a larger image gets a larger disk. Default 10 GiB. */
  readonly diskSizeBytes?: number;
  /** How tools are started. */
  readonly run?: ToolRunner;
  /** The clock, in milliseconds since 1970. */
  readonly now?: () => number;
}

/** What one look-up may take into account. */
export interface AcquireOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with one line for each step that takes time; not called at all for a stored image. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

/**
 * The images that this machine has as disks. Any number of processes may use one folder at once: entries
 * appear whole, and never change.
 */
export class ImageStore {
  readonly #root: string;
  readonly #diskSizeBytes: number;
  readonly #run: ToolRunner;
  readonly #now: () => number;

  constructor({
    root,
    diskSizeBytes = DEFAULT_DISK_SIZE_BYTES,
    run = runTool,
    now = Date.now,
  }: ImageStoreOptions) {
    this.#root = resolve(root);
    this.#diskSizeBytes = diskSizeBytes;
    this.#run = run;
    this.#now = now;
  }

  /** The image that has this complete registry name (`docker.io/library/busybox:latest`) here; imports nothing. */
  findNamed(name: string): Promise<Image | undefined> {
    return findNamedImage(this.#root, name);
  }

  /** Every image of the store. */
  list(): Promise<NamedImage[]> {
    return listImages(this.#root);
  }

  /** Gives an image of the store a complete registry name; whichever had it loses it. */
  name(name: string, { digest }: Image): Promise<void> {
    return nameImage(this.#root, name, digest);
  }

  /**
   * The image that the reference names, imported first if the store does not have it. A stored image takes
   * a few milliseconds and no process. An import needs root, and leaves nothing behind when it fails or is
   * aborted. Rejects with a TetherError whose message names the image, or with the signal's reason.
   */
  async acquire(reference: ImageReference, { signal, onProgress }: AcquireOptions = {}): Promise<Image> {
    signal?.throwIfAborted();
    await removeStaleWorkFolders(this.#root);
    const before = await fingerprintOf(reference, this.#now);
    const recorded = before && (await readDigest(this.#root, before));
    const stored = recorded === undefined ? undefined : await readImage(this.#root, recorded);
    if (stored !== undefined) return stored;

    // Loaded only here: what an import needs (zod, tar) takes longer to load than a stored image to find.
    const { importImage } = await import("./import/import-image.ts");
    const image = await importImage(reference, {
      root: this.#root,
      diskSizeBytes: this.#diskSizeBytes,
      run: this.#run,
      signal,
      onProgress: onProgress ?? (() => undefined),
    });
    // Only if the file is still the one that was imported.
    const after = await fingerprintOf(reference, this.#now);
    if (before !== undefined && before.key === after?.key)
      await writeDigest(this.#root, before, image.digest);
    return image;
  }
}
