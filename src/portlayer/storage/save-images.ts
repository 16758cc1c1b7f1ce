import { createReadStream } from "node:fs";
import { PassThrough, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { pack, type Pack } from "tar-stream";

import { TetherError } from "../../protocol/errors/index.ts";
import { layoutOf } from "./image-folder.ts";
import type { Image } from "./image.ts";
import { decompressorFor } from "./import/decompression.ts";
import { type LayoutImage, openLayout } from "./import/oci-layout.ts";
import { blobPath } from "./layout-writer.ts";

/** An image, and the tags that an archive is to know it by: `busybox:latest`. */
export interface SavedImage {
  readonly image: Image;
  readonly tags: readonly string[];
}

/** Every member's time: the same images give the same bytes. */
const TIME = new Date(0);

/**
 * Writes images as `docker save` does (image specification v1.2): a configuration each, every layer once and
 * uncompressed, `manifest.json`, `repositories`. What dockerd reads, and this store, gives the same ids again.
 *
 * @throws TetherError `image-corrupt`, or the signal's reason; the output is then cut off.
 */
export async function saveImages(
  images: readonly SavedImage[],
  output: Writable,
  signal?: AbortSignal,
): Promise<void> {
  const archive = pack();
  const options = signal === undefined ? {} : { signal };
  await Promise.all([
    pipeline(archive, output, options),
    fill(archive, images).catch((error: unknown) => {
      archive.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }),
  ]);
}

async function fill(archive: Pack, images: readonly SavedImage[]): Promise<void> {
  const manifest: object[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  const written = new Set<string>();
  for (const { image, tags } of images) {
    const layout = await openLayout(layoutOf(image), undefined, image.digest);
    const config = `${digits(image.digest)}.json`;
    if (!written.has(config)) addText(archive, config, layout.documents.configuration.text);
    written.add(config);
    const layers: string[] = [];
    for (const [index, { diffId, sizeBytes }] of image.layers.entries()) {
      const name = `${digits(diffId)}/layer.tar`;
      layers.push(name);
      if (!written.has(name)) await addLayer(archive, { name, sizeBytes, blob: blobOf(layout, index) });
      written.add(name);
    }
    manifest.push({ Config: config, RepoTags: tags.length === 0 ? null : tags, Layers: layers });
    for (const tag of tags) addRepository(repositories, tag, digits(image.layers.at(-1)?.diffId ?? ""));
  }
  addText(archive, "manifest.json", JSON.stringify(manifest));
  if (Object.keys(repositories).length > 0) addText(archive, "repositories", JSON.stringify(repositories));
  archive.finalize();
}

const digits = (digest: string): string => digest.slice(digest.indexOf(":") + 1);

function blobOf({ folder, manifest }: LayoutImage, index: number): string {
  const layer = manifest.layers[index];
  if (layer === undefined) throw new TetherError("image-corrupt", `the stored image ${folder} lacks a layer`);
  return blobPath(folder, layer.digest);
}

function addRepository(
  repositories: Record<string, Record<string, string>>,
  tag: string,
  layer: string,
): void {
  const colon = tag.lastIndexOf(":");
  const name = tag.slice(0, colon);
  repositories[name] = { ...repositories[name], [tag.slice(colon + 1)]: layer };
}

function addText(archive: Pack, name: string, text: string): void {
  archive.entry({ name, mode: 0o644, mtime: TIME }, text);
}

async function addLayer(
  archive: Pack,
  { name, sizeBytes, blob }: { readonly name: string; readonly sizeBytes: number; readonly blob: string },
): Promise<void> {
  const entry = archive.entry({ name, mode: 0o644, mtime: TIME, size: sizeBytes });
  try {
    await pipeline(
      createReadStream(blob, { highWaterMark: 1024 * 1024 }),
      (await decompressorFor(blob)) ?? new PassThrough(),
      entry,
    );
  } catch (error) {
    throw TetherError.from(error, "image-corrupt", `the stored layer ${blob} cannot be read`);
  }
}
