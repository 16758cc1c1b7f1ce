import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";

import { TetherError } from "../../../protocol/errors/index.ts";
import { layoutOf } from "../image-folder.ts";
import type { Image } from "../image.ts";
import { OCI_MANIFEST, TAR_LAYER, writeDocuments } from "../layout-writer.ts";
import { WorkFolder } from "../work-folder.ts";
import { type CheckedLayers, checkLayers, checkRootTar } from "./check-layers.ts";
import { toImportError } from "./failures.ts";
import { gatherLayers } from "./gather-layers.ts";
import type { ImportContext } from "./import-context.ts";
import { findStored, linkLayers, makeImage, requireRoot } from "./import-image.ts";
import { type LayoutImage, openLayout } from "./oci-layout.ts";

/** An image that is made here. */
export interface NewImage {
  /** The tar, plain or compressed, that is its topmost layer; OCI's whiteouts delete what is below. */
  readonly layer: string;
  /** What is below; undefined: nothing. */
  readonly parent?: Image | undefined;
  /** How it is run: `config` of an image's configuration, in Docker's names. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  /** What made the layer, for its history. */
  readonly createdBy?: string | undefined;
  readonly created: Date;
  /** Names it in messages. */
  readonly text: string;
}

/** Docker's forms, in which nothing of a configuration is lost on the way to a registry or to dockerd. */
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIGURATION = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/** Makes an image of a layer, over those of another image if there is one. Needs root; throws as an import does. */
export async function createImage(image: NewImage, context: ImportContext): Promise<Image> {
  try {
    return await create(image, context);
  } catch (error) {
    context.signal?.throwIfAborted();
    throw toImportError(error, image.text, context.root);
  }
}

async function create(image: NewImage, context: ImportContext): Promise<Image> {
  const { parent, text } = image;
  const { root, signal } = context;
  requireRoot(text);
  await using work = await WorkFolder.create(root);
  const [prepared, target] = [work.join("image"), work.join("checked")];
  await mkdir(prepared);
  const below = parent && (await openLayout(layoutOf(parent), undefined, text));
  if (below !== undefined) await gatherLayers(below, prepared, { root, isOurs: false, text });
  const lower = below && (await checkLayers({ ...below, folder: prepared }, target, text, signal));
  const top = await checkRootTar(image.layer, target, text, signal);
  if (lower === undefined && top.entries === 0)
    throw new TetherError("image-empty", `image ${text} has no files: there is nothing to run`);
  await linkLayers(top, target, prepared);
  const checked = add(lower, top);
  await writeDocuments(prepared, describe(image, below, checked));
  const layout = await openLayout(prepared, undefined, text);
  return (await findStored(root, layout.digest)) ?? (await makeImage(layout, text, checked, work, context));
}

function add(lower: CheckedLayers | undefined, top: CheckedLayers): CheckedLayers {
  return {
    layers: [...(lower?.layers ?? []), ...top.layers],
    entries: (lower?.entries ?? 0) + top.entries,
    sizeBytes: (lower?.sizeBytes ?? 0) + top.sizeBytes,
  };
}

function describe(
  { config, author, comment, createdBy, created }: NewImage,
  below: LayoutImage | undefined,
  { layers }: CheckedLayers,
): LayoutImage["documents"] {
  const parent = below && (JSON.parse(below.documents.configuration.text) as Record<string, unknown>);
  const step = {
    created: created.toISOString(),
    ...(createdBy === undefined ? {} : { created_by: createdBy }),
    ...(author === undefined ? {} : { author }),
    ...(comment === undefined ? {} : { comment }),
  };
  const configuration = toDocument({
    architecture: "amd64",
    os: "linux",
    created: created.toISOString(),
    ...(author === undefined ? {} : { author }),
    ...(comment === undefined ? {} : { comment }),
    config,
    history: [...((parent?.["history"] as object[] | undefined) ?? []), step],
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
  });
  const isOci = below?.documents.manifest.mediaType === OCI_MANIFEST;
  const own = layers.slice(below?.manifest.layers.length ?? 0).map(({ digest, sizeBytes }) => ({
    mediaType: isOci ? TAR_LAYER : DOCKER_LAYER,
    digest,
    size: sizeBytes,
  }));
  const mediaType = isOci ? OCI_MANIFEST : DOCKER_MANIFEST;
  const manifest = toDocument({
    schemaVersion: 2,
    mediaType,
    config: {
      mediaType: isOci ? "application/vnd.oci.image.config.v1+json" : DOCKER_CONFIGURATION,
      digest: configuration.digest,
      size: Buffer.byteLength(configuration.text),
    },
    layers: [...(below?.manifest.layers ?? []), ...own],
  });
  return { manifest: { mediaType, ...manifest }, configuration };
}

function toDocument(value: object): { readonly digest: string; readonly text: string } {
  const text = JSON.stringify(value);
  return { digest: `sha256:${createHash("sha256").update(text).digest("hex")}`, text };
}
