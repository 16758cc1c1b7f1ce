import { link, mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";

import { TetherError } from "../../../protocol/errors/index.ts";
import { publishImage, readImage, restoreImage } from "../image-folder.ts";
import type { ImageReference } from "../image-reference.ts";
import type { Image } from "../image.ts";
import { blobPath, writeDocuments, writeLayout } from "../layout-writer.ts";
import { lockDisks } from "../store-locks.ts";
import { WorkFolder } from "../work-folder.ts";
import { type CheckedLayers, checkLayers, checkRootTar } from "./check-layers.ts";
import { toImageConfiguration } from "./documents.ts";
import { toImportError } from "./failures.ts";
import { fetchImage, requireFile } from "./fetch-image.ts";
import { gatherLayers } from "./gather-layers.ts";
import { makeImageDisk } from "./image-disk.ts";
import type { ImportContext } from "./import-context.ts";
import { type LayoutImage, openLayout } from "./oci-layout.ts";

/** The name that the checked layers have for umoci. */
const CHECKED_TAG = "checked";

/** An image that no registry is asked for. */
type LocalImage = Exclude<ImageReference, { kind: "registry" }>;

/**
 * Brings an image into the store: find or fetch it, check its layers, unpack them, make the disk, publish.
 * An image that turns out to be stored already (known by another name) is not unpacked again.
 */
export async function importImage(reference: LocalImage, context: ImportContext): Promise<Image> {
  try {
    return await importInto(reference, context);
  } catch (error) {
    context.signal?.throwIfAborted();
    throw toImportError(error, reference.text, context.root);
  }
}

async function importInto(reference: LocalImage, context: ImportContext): Promise<Image> {
  if (reference.kind === "oci-layout") {
    // Found without root and without a copy: the store may have it under its digest.
    const image = await openLayout(reference.folder, reference.tag, reference.text);
    const stored = await findStored(context.root, image.digest);
    if (stored !== undefined) return stored;
    requireRoot(reference.text);
    await using work = await WorkFolder.create(context.root);
    return await importLayout(image, { text: reference.text, isOurs: false }, work, context);
  }
  if ("file" in reference) await requireFile(reference.file, reference.text);
  requireRoot(reference.text);
  await using work = await WorkFolder.create(context.root);
  if (reference.kind === "root-tar") return await importRootTar(reference, work, context);
  const fetched = await fetchImage(reference, work, context);
  const image = await openLayout(fetched, undefined, reference.text);
  return (
    (await findStored(context.root, image.digest)) ??
    (await importLayout(image, { text: reference.text, isOurs: true }, work, context))
  );
}

/** The stored image with this digest, if there is one. One that was removed while containers had it comes back. */
export async function findStored(root: string, digest: string): Promise<Image | undefined> {
  await restoreImage(root, digest);
  return readImage(root, digest);
}

/** Throws `needs-root` for whoever may not unpack images. */
export function requireRoot(text: string): void {
  if (process.geteuid?.() === 0) return;
  throw new TetherError(
    "needs-root",
    `unpacking image ${text} keeps its owners and device nodes only as root: run the command with sudo once`,
  );
}

/**
 * Imports what lies in a layout.
 *
 * @param source `isOurs`: the layout's folder is, and may lose its layers.
 */
export async function importLayout(
  image: LayoutImage,
  { text, isOurs }: { readonly text: string; readonly isOurs: boolean },
  work: WorkFolder,
  context: ImportContext,
): Promise<Image> {
  const { layers } = image.manifest;
  if (layers.length === 0)
    throw new TetherError("image-empty", `image ${text} has no layers: there is nothing to run`);
  const { os, architecture } = image.configuration;
  if (os !== "linux" || architecture !== "amd64") {
    throw new TetherError(
      "image-platform",
      `image ${text} is made for ${os}/${architecture}, and container VMs run linux/amd64`,
    );
  }
  context.onProgress(
    `unpacking image ${text} (${layers.length} ${layers.length === 1 ? "layer" : "layers"})`,
  );
  const prepared = work.join("image");
  await mkdir(prepared);
  await gatherLayers(image, prepared, { root: context.root, isOurs, text });
  const ours = { ...image, folder: prepared };
  const checked = await checkLayers(ours, work.join("checked"), text, context.signal);
  return makeImage(ours, text, checked, work, context);
}

async function importRootTar(
  { file, text }: { file: string; text: string },
  work: WorkFolder,
  context: ImportContext,
): Promise<Image> {
  context.onProgress(`unpacking image ${text}`);
  const checked = await checkRootTar(file, work.join("checked"), text, context.signal);
  if (checked.entries === 0)
    throw new TetherError("image-empty", `image ${text} has no files: there is nothing to run`);
  // Docker's `import` makes such an image: no command, no environment.
  const configuration = {
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [checked.diffId] },
  };
  await writeLayout(work.join("checked"), { layers: checked.layers, configuration, tag: CHECKED_TAG });
  const image = await openLayout(work.join("checked"), CHECKED_TAG, text);
  const stored = await findStored(context.root, image.digest);
  if (stored !== undefined) return stored;
  const prepared = work.join("image");
  await linkLayers(checked, work.join("checked"), prepared);
  return makeImage({ ...image, folder: prepared }, text, checked, work, context);
}

/** What was copied to be unpacked is the image's layer, too. */
export async function linkLayers({ layers }: CheckedLayers, from: string, to: string): Promise<void> {
  for (const { digest } of layers) {
    await mkdir(dirname(blobPath(to, digest)), { recursive: true });
    await link(blobPath(from, digest), blobPath(to, digest));
  }
}

/**
 * Makes the image of its layers, which lie in its folder, and of their uncompressed forms. One after the other, whichever
 * processes do it: images that come together find each other's snapshots, and one that another has made meanwhile is there.
 */
export function makeImage(
  source: LayoutImage,
  text: string,
  checked: CheckedLayers,
  work: WorkFolder,
  context: ImportContext,
): Promise<Image> {
  const { root, signal, turns } = context;
  return turns.take(async () => {
    using _lock = await lockDisks(root, signal);
    const stored = await findStored(root, source.digest);
    if (stored !== undefined) return stored;
    const [target, layout] = [source.folder, work.join("checked")];
    context.onProgress(`making the disk of image ${text}`);
    const { sizeBytes: diskSizeBytes, snapshots } = await makeImageDisk({
      ...{ checked, layout, target, work, context },
    });
    await rm(layout, { recursive: true });
    await writeDocuments(target, source.documents);
    await publishImage(root, target, {
      digest: source.digest,
      configuration: toImageConfiguration(source.configuration),
      diskSizeBytes,
      layers: checked.layers.map(({ digest: diffId, sizeBytes, contentBytes }) => ({
        diffId,
        sizeBytes,
        contentBytes,
      })),
      snapshots,
    });
    const image = await readImage(root, source.digest);
    if (image === undefined)
      throw new TetherError("internal", `image ${text} vanished from the store ${root}`);
    return image;
  }, signal);
}
