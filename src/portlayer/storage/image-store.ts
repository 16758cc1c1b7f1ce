import { resolve } from "node:path";
import type { Writable } from "node:stream";

import { fingerprintOf, readDigest, writeDigest } from "./digest-records.ts";
import { readImage } from "./image-folder.ts";
import { findNamedImage, listImages, type NamedImage, nameImage } from "./image-names.ts";
import type { ArchivedImage } from "./archived-images.ts";
import type { ImageDetails } from "./image-details.ts";
import type { ImageReference } from "./image-reference.ts";
import { type InUse, removeImage, sweepImages, untagImage } from "./image-removal.ts";
import type { Image } from "./image.ts";
import type { NewImage } from "./import/create-image.ts";
import type { ImportContext } from "./import/import-context.ts";
import { Turns } from "./import/turns.ts";
import type {
  DownloadPatience,
  LoginOutcome,
  Platform,
  PulledImage,
  PullObserver,
  PushedImage,
  RegistryContext,
  RegistryLogin,
  RemoteImage,
} from "./registry/index.ts";
import type { SavedImage } from "./save-images.ts";
import { repositoryOf } from "./registry-name.ts";
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
  /** With which patience layers are fetched. Default: {@link DOWNLOAD_PATIENCE}. */
  readonly patience?: DownloadPatience;
}

/** What one look-up may take into account. */
export interface AcquireOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with one line for each step that takes time; not called at all for a stored image. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

/** What a request to a registry may take into account. */
export interface RegistryOptions {
  readonly signal?: AbortSignal | undefined;
  /** Undefined: nobody in particular. */
  readonly login?: RegistryLogin | undefined;
  /** Names the image in messages, as the user does. */
  readonly familiar: string;
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
  readonly #patience: DownloadPatience | undefined;
  readonly #turns = new Turns();

  constructor({
    root,
    diskSizeBytes = DEFAULT_DISK_SIZE_BYTES,
    run = runTool,
    now = Date.now,
    patience,
  }: ImageStoreOptions) {
    this.#root = resolve(root);
    this.#diskSizeBytes = diskSizeBytes;
    this.#run = run;
    this.#now = now;
    this.#patience = patience;
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

  /** Takes a complete registry name from whichever image has it; an image without names stays. */
  untag(name: string): Promise<void> {
    return untagImage(this.#root, name);
  }

  /** Removes an image with all its names. While a container stands on its disk, that is only out of sight. */
  remove({ digest }: Image, isInUse: InUse): Promise<void> {
    return removeImage(this.#root, digest, isInUse);
  }

  /** Removes what is out of sight and no container stands on any more. */
  sweep(isInUse: InUse): Promise<void> {
    return sweepImages(this.#root, isInUse);
  }

  /**
   * Lets go of the layers that came before a time (in milliseconds since 1970) for pulls which did not come to their end.
   *
   * @returns how many bytes that was.
   */
  async forgetDownloads(beforeMs: number): Promise<number> {
    const { clearDownloads } = await import("./registry/index.ts");
    return clearDownloads(this.#root, beforeMs);
  }

  /** What an image says of itself and its making. */
  async details(image: Image): Promise<ImageDetails> {
    const { readImageDetails } = await import("./image-details.ts");
    return readImageDetails(image);
  }

  /** Writes images as `docker save` does; an output that is cut off ends in an error. */
  async save(images: readonly SavedImage[], output: Writable, signal?: AbortSignal): Promise<void> {
    const { saveImages } = await import("./save-images.ts");
    await saveImages(images, output, signal);
  }

  /** Makes an image of a layer, over those of another image if there is one. It has no name yet. */
  async create(image: NewImage, options: AcquireOptions = {}): Promise<Image> {
    const { createImage } = await import("./import/create-image.ts");
    return createImage(image, this.#context(options));
  }

  /** The images in an archive as `docker save` writes it. */
  async listArchive(file: string): Promise<ArchivedImage[]> {
    const { listArchivedImages } = await import("./archived-images.ts");
    return listArchivedImages(file);
  }

  /** Imports an image, whatever is recorded of its reference, and records nothing of it. */
  async import(reference: ImageReference, options: AcquireOptions = {}): Promise<Image> {
    await removeStaleWorkFolders(this.#root);
    return this.#import(reference, options);
  }

  /** Brings what a complete name means in its registry, and names it so. */
  async pull(
    name: string,
    { login, familiar, ...options }: RegistryOptions,
    observer: PullObserver,
  ): Promise<PulledImage> {
    await removeStaleWorkFolders(this.#root);
    const { pullImage } = await import("./registry/index.ts");
    const pulled = await pullImage(name, familiar, {
      ...{ ...(await this.#pullContext(options)), login, observer },
    });
    const { image, remoteDigest } = pulled;
    await this.name(`${repositoryOf(name)}@${remoteDigest}`, image);
    if (!name.includes("@")) await this.name(name, image);
    return pulled;
  }

  /** Every tag that a repository has in its registry. */
  async listRemoteTags(repository: string, { familiar, ...options }: RegistryOptions): Promise<string[]> {
    const { listRemoteTags } = await import("./registry/index.ts");
    return listRemoteTags(repository, familiar, this.#registryContext(options));
  }

  /** Gives an image to a registry under a complete name with a tag. */
  async push(image: Image, name: string, { familiar, ...options }: RegistryOptions): Promise<PushedImage> {
    const { pushImage } = await import("./registry/index.ts");
    const pushed = await pushImage(image, name, familiar, this.#registryContext(options));
    await this.name(`${repositoryOf(name)}@${pushed.digest}`, image);
    return pushed;
  }

  /** What a complete name means in its registry, and for which platforms. */
  async inspectRemote(
    name: string,
    { familiar, ...options }: RegistryOptions,
  ): Promise<RemoteImage & { readonly platforms: readonly Platform[] }> {
    const { inspectRemote } = await import("./registry/index.ts");
    return inspectRemote(name, familiar, this.#registryContext(options));
  }

  /** Whether a registry takes a login. */
  async checkLogin(registry: string, login: RegistryLogin, signal?: AbortSignal): Promise<LoginOutcome> {
    const { checkLogin } = await import("./registry/index.ts");
    return checkLogin(registry, login, { signal });
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

    const image = await this.#import(reference, { signal, onProgress });
    // Only if the file is still the one that was imported.
    const after = await fingerprintOf(reference, this.#now);
    if (before !== undefined && before.key === after?.key)
      await writeDigest(this.#root, before, image.digest);
    return image;
  }

  #context({ signal, onProgress }: AcquireOptions): ImportContext {
    return {
      root: this.#root,
      diskSizeBytes: this.#diskSizeBytes,
      run: this.#run,
      turns: this.#turns,
      signal,
      onProgress: onProgress ?? (() => undefined),
    };
  }

  // Loaded only here: what an import needs (zod, tar) takes longer to load than a stored image to find.
  async #import(reference: ImageReference, options: AcquireOptions): Promise<Image> {
    if (reference.kind === "registry") {
      const { importRemote } = await import("./registry/index.ts");
      return importRemote(reference, await this.#pullContext(options));
    }
    const { importImage } = await import("./import/import-image.ts");
    return importImage(reference, this.#context(options));
  }

  async #pullContext(options: AcquireOptions): Promise<ImportContext & { patience: DownloadPatience }> {
    const { DOWNLOAD_PATIENCE, trimDownloads } = await import("./registry/index.ts");
    await trimDownloads(this.#root, { now: this.#now() });
    return { ...this.#context(options), patience: this.#patience ?? DOWNLOAD_PATIENCE };
  }

  #registryContext({ signal, login }: Omit<RegistryOptions, "familiar">): RegistryContext {
    return { root: this.#root, run: this.#run, signal, login };
  }
}
