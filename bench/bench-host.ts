import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { openStateFolder, type StateFolder } from "../src/portlayer/execution/index.ts";
import { ImageStore, parseImageReference } from "../src/portlayer/storage/index.ts";

/** The project's folder. */
export const ROOT = resolve(import.meta.dirname, "..");

/** iso-build's output folder. */
export const BOOT_FOLDER = join(ROOT, "build/boot");

/** Where a bench works; everything below `folder` is gone when it is disposed of. */
export interface BenchHost extends AsyncDisposable {
  readonly folder: string;
  readonly state: StateFolder;
  /** The demo image, as `vch` takes it. */
  readonly imageReference: string;
  /** The demo image's disk. */
  readonly imageDisk: string;
  /** Aborted when the bench is to end. */
  readonly signal: AbortSignal;
  /** Progress: one line on standard error. */
  readonly report: (line: string) => void;
}

/** Makes a state folder of the bench's own, with the demo image in it: no measurement contains an import. */
export async function openBenchHost(signal: AbortSignal): Promise<BenchHost> {
  const demoImage = join(ROOT, "build/demo-image");
  if (!existsSync(demoImage)) throw new Error(`the demo image is missing: no ${demoImage} (npm run set-up)`);
  const folder = await mkdtemp(join(tmpdir(), "tether-bench-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true, maxRetries: 3 });
  try {
    const state = openStateFolder({ VCH_STATE: join(folder, "state") });
    const imageReference = `oci:${demoImage}:latest`;
    const image = await new ImageStore({ root: state.images }).acquire(parseImageReference(imageReference), {
      signal,
    });
    return {
      ...{ folder, state, imageReference, imageDisk: image.disk, signal },
      report: (line) => void process.stderr.write(`bench: ${line}\n`),
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
