import { constants, copyFile, link, lstat, mkdir, rename } from "node:fs/promises";
import { dirname } from "node:path";

import { listImageFolders } from "../image-folder.ts";
import { blobPath } from "../layout-writer.ts";
import { checkDescriptor } from "./check-layers.ts";
import type { LayoutImage } from "./oci-layout.ts";

/** Whence the layers come. */
export interface GatherOptions {
  /** The store's folder: what one of its images has is linked. */
  readonly root: string;
  /** Whether the image's folder is ours, so that layers may be moved out of it. */
  readonly isOurs: boolean;
  /** Names the image in messages. */
  readonly text: string;
}

/**
 * Brings the layers of an image, as they are, into the layout `target`. A layer that an image of the store has is the
 * same file, so that the store keeps it once; the file system counts who has it. Throws `image-corrupt`.
 */
export async function gatherLayers(
  image: Pick<LayoutImage, "folder" | "manifest">,
  target: string,
  { root, isOurs, text }: GatherOptions,
): Promise<void> {
  const stored = await listImageFolders(root);
  for (const layer of image.manifest.layers) {
    const path = blobPath(target, layer.digest);
    // An image may have a layer twice.
    if (await exists(path)) continue;
    await mkdir(dirname(path), { recursive: true });
    if (await linkStoredLayer(stored, layer.digest, path)) continue;
    const blob = blobPath(image.folder, layer.digest);
    await checkDescriptor(blob, layer, `layer ${layer.digest} of image ${text}`);
    if (isOurs) await rename(blob, path);
    else await copyFile(blob, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  }
}

/** Links a layer of one of these images of the store. @returns whether one has it. */
export async function linkStoredLayer(
  folders: readonly string[],
  digest: string,
  path: string,
): Promise<boolean> {
  for (const folder of folders) {
    try {
      await link(blobPath(folder, digest), path);
      return true;
    } catch {
      // It has no such layer, or is being removed: then there is another, or the image's own.
    }
  }
  return false;
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );
