import { chmod, mkdir, rm } from "node:fs/promises";

import { TetherError } from "../../../protocol/errors/index.ts";
import { diskPath, publishImage, readImage } from "../image-folder.ts";
import type { ImageReference } from "../image-reference.ts";
import type { Image } from "../image.ts";
import { writeLayout } from "../layout-writer.ts";
import { WorkFolder } from "../work-folder.ts";
import { type CheckedLayers, checkLayers, checkRootTar } from "./check-layers.ts";
import { type ImageConfigurationDocument, toImageConfiguration } from "./documents.ts";
import { toImportError } from "./failures.ts";
import { fetchImage, requireFile } from "./fetch-image.ts";
import type { ImportContext } from "./import-context.ts";
import { makeLayerDisk } from "./layer-disk.ts";
import { type LayoutImage, openLayout } from "./oci-layout.ts";
import { completeRootTree } from "./root-tree.ts";

/** The name that the checked layers have for umoci. */
const CHECKED_TAG = "checked";

/**
 * Brings an image into the store: find or fetch it, check its layers, unpack them, make the disk, publish.
 * An image that turns out to be stored already (known by another name) is not unpacked again.
 */
export async function importImage(reference: ImageReference, context: ImportContext): Promise<Image> {
  try {
    return await importInto(reference, context);
  } catch (error) {
    context.signal?.throwIfAborted();
    throw toImportError(error, reference.text, context.root);
  }
}

async function importInto(reference: ImageReference, context: ImportContext): Promise<Image> {
  if (reference.kind === "oci-layout") {
    // Found without root and without a copy: the store may have it under its digest.
    const image = await openLayout(reference.folder, reference.tag, reference.text);
    const stored = await readImage(context.root, image.digest);
    if (stored !== undefined) return stored;
    requireRoot(reference.text);
    await using work = await WorkFolder.create(context.root);
    return await importLayout(image, reference.text, work, context);
  }
  if ("file" in reference) await requireFile(reference.file, reference.text);
  requireRoot(reference.text);
  await using work = await WorkFolder.create(context.root);
  if (reference.kind === "root-tar") return await importRootTar(reference, work, context);
  const fetched = await fetchImage(reference, work, context);
  const image = await openLayout(fetched, undefined, reference.text);
  return (
    (await readImage(context.root, image.digest)) ??
    (await importLayout(image, reference.text, work, context))
  );
}

function requireRoot(text: string): void {
  if (process.geteuid?.() === 0) return;
  throw new TetherError(
    "needs-root",
    `unpacking image ${text} keeps its owners and device nodes only as root: run the command with sudo once`,
  );
}

async function importLayout(
  image: LayoutImage,
  text: string,
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
  const checked = await checkLayers(image, work.join("checked"), text, context.signal);
  const source = { digest: image.digest, configuration: image.configuration, text };
  return makeImage(source, checked, work, context);
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
  const digest = await writeLayout(work.join("checked"), {
    layers: checked.layers,
    configuration,
    tag: CHECKED_TAG,
  });
  const stored = await readImage(context.root, digest);
  return stored ?? makeImage({ digest, configuration, text }, checked, work, context);
}

interface ImageSource {
  readonly digest: string;
  readonly configuration: ImageConfigurationDocument;
  readonly text: string;
}

async function makeImage(
  source: ImageSource,
  checked: CheckedLayers,
  work: WorkFolder,
  context: ImportContext,
): Promise<Image> {
  const { run, signal, root } = context;
  await writeLayout(work.join("checked"), {
    layers: checked.layers,
    configuration: {
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: checked.layers.map(({ digest }) => digest) },
    },
    tag: CHECKED_TAG,
  });
  const tree = work.join("tree");
  await mkdir(tree);
  await chmod(tree, 0o755); // the root folder's mode when no layer names one, whatever our umask
  await run("umoci", ["raw", "unpack", "--image", `${work.join("checked")}:${CHECKED_TAG}`, tree], {
    signal,
  });
  await rm(work.join("checked"), { recursive: true });
  await completeRootTree(tree);

  context.onProgress(`making the disk of image ${source.text}`);
  const prepared = work.join("image");
  await mkdir(prepared);
  const diskSizeBytes = await makeLayerDisk({
    tree,
    disk: diskPath(prepared),
    run,
    signal,
    contentBytes: checked.sizeBytes,
    entries: checked.entries,
    diskSizeBytes: context.diskSizeBytes,
  });
  await publishImage(root, prepared, {
    digest: source.digest,
    configuration: toImageConfiguration(source.configuration),
    diskSizeBytes,
  });
  const image = await readImage(root, source.digest);
  if (image === undefined)
    throw new TetherError("internal", `image ${source.text} vanished from the store ${root}`);
  return image;
}
