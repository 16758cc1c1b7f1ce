import { watch } from "node:fs";
import { access, mkdir, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

import { listImageFolders } from "../image-folder.ts";
import { SKOPEO_PLATFORM } from "../import/fetch-image.ts";
import { linkStoredLayer } from "../import/gather-layers.ts";
import { blobPath } from "../layout-writer.ts";
import type { WorkFolder } from "../work-folder.ts";
import { keepDownload, takeDownload } from "./downloads.ts";
import { isPassing } from "./failures.ts";
import { type RegistryContext, registryOptions } from "./registry-access.ts";
import { registryOf } from "../registry-name.ts";
import { StallWatch } from "./stall-watch.ts";

/** What happens to a layer that is being pulled, in Docker's words. */
export type LayerProgress =
  | "Pulling fs layer"
  | "Already exists"
  | "Verifying Checksum"
  | "Download complete"
  | `Retrying in ${number} second${"" | "s"}`
  | "Pull complete";

/** With which patience layers are fetched. */
export interface DownloadPatience {
  /** So often without one more layer that is whole. */
  readonly attempts: number;
  /** Before the second attempt; before the third twice as long, and so on. */
  readonly retryMs: number;
  /** Without one byte. */
  readonly stallMs: number;
}

/** dockerd's attempts and pauses, and a limit. */
export const DOWNLOAD_PATIENCE: DownloadPatience = { attempts: 5, retryMs: 5000, stallMs: 60_000 };

/** What a download works with. */
export interface DownloadContext extends RegistryContext {
  readonly work: WorkFolder;
  readonly patience: DownloadPatience;
  /** @param digest the layer's. */
  readonly onLayer: (digest: string, progress: LayerProgress) => void;
}

/**
 * Brings an image's layers into an OCI layout: those that images of the store have, those that an earlier pull had whole,
 * and by skopeo what is missing, three to six at a time. One that has come is kept at once for the next attempt, or the next
 * pull should this one be ended, whatever ends it. All are whole: skopeo gives a blob its name once its digest is right.
 *
 * @param name with the manifest's digest: whatever a tag means meanwhile.
 * @throws ToolError as skopeo says it, or StalledError.
 */
export async function downloadLayers(
  name: string,
  digests: readonly string[],
  layout: string,
  context: DownloadContext,
): Promise<void> {
  const download = new LayerDownload(name, digests, layout, context);
  await download.gather();
  await download.fetch();
}

class LayerDownload {
  readonly #name: string;
  readonly #layout: string;
  readonly #context: DownloadContext;
  readonly #missing: Set<string>;

  constructor(name: string, digests: readonly string[], layout: string, context: DownloadContext) {
    this.#name = name;
    this.#layout = layout;
    this.#context = context;
    this.#missing = new Set(digests);
  }

  /** Takes what is there. */
  async gather(): Promise<void> {
    const { root, onLayer } = this.#context;
    const folders = await listImageFolders(root);
    for (const algorithm of ["sha256", "sha512"])
      await mkdir(blobPath(this.#layout, algorithm), { recursive: true });
    for (const digest of this.#missing) {
      const path = blobPath(this.#layout, digest);
      if (await linkStoredLayer(folders, digest, path)) onLayer(digest, "Already exists");
      else if (await takeDownload(root, digest, path)) onLayer(digest, "Download complete");
      else {
        onLayer(digest, "Pulling fs layer");
        continue;
      }
      this.#missing.delete(digest);
    }
  }

  /** Fetches the others, in several attempts where it has to. */
  async fetch(): Promise<void> {
    const { patience, signal, onLayer } = this.#context;
    for (let attempt = 1; this.#missing.size > 0; attempt += 1) {
      const before = this.#missing.size;
      try {
        return await this.#copy();
      } catch (error) {
        signal?.throwIfAborted();
        if (this.#missing.size < before) attempt = 1;
        if (!isPassing(error) || attempt >= patience.attempts) throw error;
      }
      const pauseMs = patience.retryMs * attempt;
      const seconds = Math.ceil(pauseMs / 1000);
      for (const digest of this.#missing)
        onLayer(digest, `Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`);
      await delay(pauseMs, undefined, signal && { signal });
    }
  }

  /** Skopeo fetches no blob that the layout has. Its conversion to OCI is not used but for the layers. */
  async #copy(): Promise<void> {
    const { work, run, signal, login, patience } = this.#context;
    const copied = work.join("copied");
    await mkdir(copied);
    const options = await registryOptions(work, registryOf(this.#name), { login, side: "src-" });
    using stall = new StallWatch(copied, patience.stallMs);
    const watcher = watch(blobPath(this.#layout, "sha256"), (_event, file) =>
      this.#notice(`sha256:${file ?? ""}`),
    );
    try {
      await run(
        "skopeo",
        [
          // Its temporary files where we clean up, also after skopeo was killed.
          ...[...SKOPEO_PLATFORM, "--tmpdir", work.path, "copy", "--quiet"],
          ...[
            ...options,
            "--dest-shared-blob-dir",
            `${this.#layout}/blobs`,
            "--dest-oci-accept-uncompressed-layers",
          ],
          ...[`docker://${this.#name}`, `oci:${copied}`],
        ],
        {
          signal: signal === undefined ? stall.signal : AbortSignal.any([signal, stall.signal]),
          environment: { TMPDIR: work.path },
        },
      );
    } finally {
      watcher.close();
      // A killed skopeo leaves layers that are not whole here, and only here.
      await rm(copied, { recursive: true, maxRetries: 5, retryDelay: 50 });
      for (const digest of this.#missing)
        if (await exists(blobPath(this.#layout, digest))) this.#notice(digest);
    }
  }

  #notice(digest: string): void {
    if (!this.#missing.delete(digest)) return;
    const { root, onLayer } = this.#context;
    keepDownload(root, digest, blobPath(this.#layout, digest));
    onLayer(digest, "Verifying Checksum");
    onLayer(digest, "Download complete");
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
