import { TetherError } from "../../../protocol/errors/index.ts";
import type { ImageReference } from "../image-reference.ts";
import type { Image } from "../image.ts";
import type { ImportContext } from "../import/import-context.ts";
import type { DownloadPatience } from "./download-layers.ts";
import { pullImage } from "./pull-image.ts";

/**
 * Brings an image of a registry into the store for the command line: with this machine's own logins, and in the words of
 * `docker run`.
 *
 * @throws TetherError `image-not-found`, `image-unreachable`, `image-platform`; or as an import does.
 */
export async function importRemote(
  { name, text }: Extract<ImageReference, { kind: "registry" }>,
  context: ImportContext & { readonly patience: DownloadPatience },
): Promise<Image> {
  const { onProgress } = context;
  const observer = {
    onFound: () => onProgress(`copying image ${text}`),
    onLayer(digest: string, progress: string) {
      if (progress.startsWith("Retrying")) onProgress(`layer ${digest} of image ${text}: ${progress}`);
    },
  };
  try {
    return (await pullImage(name, text, { ...context, login: "machine", observer })).image;
  } catch (error) {
    if (!(error instanceof TetherError)) throw error;
    const { code, message } = error;
    if (code === "image-not-found")
      throw new TetherError(code, `Unable to find image '${text}': ${message}`, { cause: error });
    if (code === "image-unreachable")
      throw new TetherError(code, `Unable to reach the registry of image '${text}': ${message}`, {
        cause: error,
      });
    if (!message.includes(text)) throw new TetherError(code, `image ${text}: ${message}`, { cause: error });
    throw error;
  }
}
