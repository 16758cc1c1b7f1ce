import { layoutOf } from "./image-folder.ts";
import type { Image } from "./image.ts";
import { openLayout } from "./import/oci-layout.ts";

/** One step of an image's making. */
export interface HistoryStep {
  /** RFC 3339. */
  readonly created: string | undefined;
  readonly createdBy: string;
  readonly comment: string;
  /** Of its layer's files; 0 when it has none. */
  readonly contentBytes: number;
}

/** What an image says of itself beside how it is run. */
export interface ImageDetails {
  readonly author: string;
  readonly comment: string;
  readonly dockerVersion: string;
  /** The first step first; empty when the image does not tell. */
  readonly history: readonly HistoryStep[];
}

/** Reads an image's own documents. Throws `image-corrupt`. */
export async function readImageDetails(image: Image): Promise<ImageDetails> {
  const { configuration } = await openLayout(layoutOf(image), undefined, image.digest);
  const { author, comment, docker_version: dockerVersion } = configuration;
  const history = configuration.history ?? [];
  // Whoever began the image may have told less than its layers.
  const told = history.filter((step) => step.empty_layer !== true).length;
  const layers = image.layers.slice(Math.max(0, image.layers.length - told)).values();
  return {
    author: author ?? "",
    comment: comment ?? "",
    dockerVersion: dockerVersion ?? "",
    history: history.map((step) => ({
      created: step.created ?? undefined,
      createdBy: step.created_by ?? "",
      comment: step.comment ?? "",
      contentBytes: step.empty_layer === true ? 0 : (layers.next().value?.contentBytes ?? 0),
    })),
  };
}
