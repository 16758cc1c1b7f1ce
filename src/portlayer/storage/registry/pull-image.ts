import { mkdir } from "node:fs/promises";

import { type ErrorCode, TetherError } from "../../../protocol/errors/index.ts";
import type { Image } from "../image.ts";
import type { ImageManifest } from "../import/documents.ts";
import type { ImportContext } from "../import/import-context.ts";
import { findStored, importLayout, requireRoot } from "../import/import-image.ts";
import { openLayout } from "../import/oci-layout.ts";
import { toImportError } from "../import/failures.ts";
import { writeDocuments } from "../layout-writer.ts";
import { repositoryOf } from "../registry-name.ts";
import { lockFetch } from "../store-locks.ts";
import { WorkFolder } from "../work-folder.ts";
import {
  type DownloadContext,
  downloadLayers,
  type DownloadPatience,
  type LayerProgress,
} from "./download-layers.ts";
import { forgetDownloads } from "./downloads.ts";
import { toRegistryError } from "./failures.ts";
import type { RegistryUser } from "./registry-access.ts";
import { type RemoteImage, RemoteImages } from "./remote-image.ts";

/** What is told while an image is pulled. */
export interface PullObserver {
  /** The registry knows it, and its download begins. */
  onFound(): void;
  /** @param digest the layer's. */
  onLayer(digest: string, progress: LayerProgress): void;
}

/** An image that was pulled. */
export interface PulledImage {
  readonly image: Image;
  /** What the name means in the registry at this moment: of an index when the image is for several platforms. */
  readonly remoteDigest: string;
  /** The store did not have it. */
  readonly isNew: boolean;
}

/** What a pull works with. */
export interface PullContext extends ImportContext {
  readonly login: RegistryUser;
  readonly patience: DownloadPatience;
  readonly observer: PullObserver;
}

/**
 * Brings what a complete name means in its registry into the store, unless it is there. Names nothing.
 *
 * @param familiar names the image in messages.
 * @throws TetherError in dockerd's words: `image-not-found`, `image-unreachable`, `image-platform`; or as an import does.
 */
export async function pullImage(name: string, familiar: string, context: PullContext): Promise<PulledImage> {
  const { root, signal, observer } = context;
  requireRoot(familiar);
  await using work = await WorkFolder.create(root);
  const images = new RemoteImages(context, work, "pull");
  const repository = repositoryOf(name);
  const top = await images.look(name, familiar);
  const remoteDigest = top.digest;
  const found = await chooseManifest(images, { repository, familiar, top });
  observer.onFound();
  using _lock = await lockFetch(root, found.manifest.config.digest, signal);
  const stored = await findStored(root, found.manifest.config.digest);
  if (stored !== undefined) return { image: stored, remoteDigest, isNew: false };
  const pinned = `${repository}@${found.digest}`;
  const image = await bring({ pinned, familiar, found }, images, work, context);
  return { image, remoteDigest, isNew: true };
}

/** Fetches and makes an image. */
async function bring(
  download: Download,
  images: RemoteImages,
  work: WorkFolder,
  context: PullContext,
): Promise<Image> {
  const { familiar, found } = download;
  const { root, signal, observer } = context;
  const digests = found.manifest.layers.map((layer) => layer.digest);
  const onLayer = (digest: string, progress: LayerProgress): void => observer.onLayer(digest, progress);
  try {
    const layout = await fetchLayout(download, images, { ...context, work, onLayer });
    const opened = await openLayout(layout, undefined, familiar);
    const image = await importLayout(opened, { text: familiar, isOurs: true }, work, context);
    await forgetDownloads(root, digests);
    for (const digest of new Set(digests)) onLayer(digest, "Pull complete");
    return image;
  } catch (error) {
    signal?.throwIfAborted();
    const failure = toImportError(error, familiar, root);
    // What a registry gave before it failed waits for another pull; what does not fit or is no good does not.
    if (!PASSING.includes(failure.code)) await forgetDownloads(root, digests);
    throw failure;
  }
}

/** An image of a registry, for one platform. */
interface Found extends Pick<RemoteImage, "digest" | "mediaType" | "text"> {
  readonly manifest: ImageManifest;
}

/** What is wrong with the registry, or with the login, and may be right the next time. */
const PASSING: readonly ErrorCode[] = ["image-unreachable", "image-not-found", "registry-denied"];

/** The manifest for linux/amd64, which is all that container VMs run. */
async function chooseManifest(
  images: RemoteImages,
  {
    repository,
    familiar,
    top,
  }: {
    readonly repository: string;
    readonly familiar: string;
    readonly top: RemoteImage;
  },
): Promise<Found> {
  if (top.document.kind === "image") return { ...top, manifest: top.document.manifest };
  const chosen = top.document.manifests.find(
    ({ platform }) => platform?.os === "linux" && platform.architecture === "amd64",
  );
  if (chosen === undefined)
    throw new TetherError(
      "image-platform",
      "no matching manifest for linux/amd64 in the manifest list entries",
    );
  const { digest } = chosen;
  const found = await images.look(`${repository}@${digest}`, familiar);
  if (found.document.kind === "index")
    throw new TetherError("image-corrupt", `image ${familiar} is corrupt: its index leads to another index`);
  return { ...found, manifest: found.document.manifest };
}

interface Download {
  /** The name with the digest that was found: whatever the tag means meanwhile. */
  readonly pinned: string;
  readonly familiar: string;
  readonly found: Found;
}

/** @returns the layout in which the image is, as it is in the registry. */
async function fetchLayout(
  { pinned, familiar, found: { text, digest, mediaType, manifest } }: Download,
  images: RemoteImages,
  context: DownloadContext,
): Promise<string> {
  const layout = context.work.join("fetched");
  await mkdir(layout);
  const configuration = await images.configurationOf(pinned, familiar);
  await writeDocuments(layout, {
    manifest: { mediaType, digest, text },
    configuration: { digest: manifest.config.digest, text: configuration },
  });
  const digests = manifest.layers.map((layer) => layer.digest);
  try {
    await downloadLayers(pinned, digests, layout, context);
  } catch (error) {
    throw toRegistryError(error, "pull", familiar);
  }
  return layout;
}
