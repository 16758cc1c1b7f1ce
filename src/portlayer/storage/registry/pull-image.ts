import { watch } from "node:fs";
import { mkdir } from "node:fs/promises";

import { TetherError } from "../../../protocol/errors/index.ts";
import { readImage, restoreImage } from "../image-folder.ts";
import type { Image } from "../image.ts";
import type { ImageManifest } from "../import/documents.ts";
import { copyImage } from "../import/fetch-image.ts";
import type { ImportContext } from "../import/import-context.ts";
import { importLayout, requireRoot } from "../import/import-image.ts";
import { openLayout } from "../import/oci-layout.ts";
import { toImportError } from "../import/failures.ts";
import { WorkFolder } from "../work-folder.ts";
import { toRegistryError } from "./failures.ts";
import { registryOf, repositoryOf } from "../registry-name.ts";
import { isInsecure, type RegistryLogin, writeLogin } from "./registry-access.ts";
import { RemoteImages } from "./remote-image.ts";

/** What happens to a layer that is being pulled, in Docker's words. */
export type LayerProgress = "Pulling fs layer" | "Verifying Checksum" | "Download complete" | "Pull complete";

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
export interface PullContext extends Omit<ImportContext, "onProgress"> {
  readonly login: RegistryLogin | undefined;
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
  const { manifest, digest } = await chooseManifest(images, { repository, familiar, top });
  observer.onFound();
  await restoreImage(root, manifest.config.digest);
  const stored = await readImage(root, manifest.config.digest);
  if (stored !== undefined) return { image: stored, remoteDigest, isNew: false };
  for (const layer of manifest.layers) observer.onLayer(layer.digest, "Pulling fs layer");
  try {
    const layout = await download(`${repository}@${digest}`, familiar, { work, context, manifest });
    const opened = await openLayout(layout, undefined, familiar);
    const image = await importLayout(opened, { text: familiar, isOurs: true }, work, {
      ...context,
      onProgress: () => undefined,
    });
    for (const layer of manifest.layers) observer.onLayer(layer.digest, "Pull complete");
    return { image, remoteDigest, isNew: true };
  } catch (error) {
    signal?.throwIfAborted();
    throw toImportError(error, familiar, root);
  }
}

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
    readonly top: Awaited<ReturnType<RemoteImages["look"]>>;
  },
): Promise<{ readonly manifest: ImageManifest; readonly digest: string }> {
  if (top.document.kind === "image") return { manifest: top.document.manifest, digest: top.digest };
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
  return { manifest: found.document.manifest, digest };
}

interface Download {
  readonly work: WorkFolder;
  readonly context: PullContext;
  readonly manifest: ImageManifest;
}

/** @param name with the digest that was found: whatever the tag means meanwhile. */
async function download(
  name: string,
  familiar: string,
  { work, context, manifest }: Download,
): Promise<string> {
  const { run, signal, login, observer } = context;
  const registry = registryOf(name);
  const authFile = await writeLogin(work, registry, login);
  const tls = isInsecure(registry) ? ["--src-tls-verify=false"] : [];
  // When skopeo has a layer and its digest is right, its file gets its name.
  const folder = work.join("fetched");
  await mkdir(folder);
  const awaited = new Set(manifest.layers.map((layer) => layer.digest));
  const watcher = watch(folder, (_event, file) => {
    const layer = `sha256:${file}`;
    if (!awaited.delete(layer)) return;
    observer.onLayer(layer, "Verifying Checksum");
    observer.onLayer(layer, "Download complete");
  });
  try {
    return await copyImage(`docker://${name}`, work, {
      ...{ run, signal },
      options: ["--src-authfile", authFile, ...tls],
    });
  } catch (error) {
    throw toRegistryError(error, "pull", familiar);
  } finally {
    watcher.close();
  }
}
