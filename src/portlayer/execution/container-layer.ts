import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { exportFromContainer } from "../interaction/archive.ts";
import { packLayer } from "../storage/index.ts";
import { hasGuest } from "./container-state.ts";
import { pauseContainer, unpauseContainer } from "./container-changes.ts";
import { compareWithImage } from "./container-diff.ts";
import { openContainerFiles } from "./container-files.ts";
import { type Core, look } from "./core.ts";

/** How a layer is made of a container. */
export interface LayerOptions {
  /** Freezes the container's processes meanwhile, so that all of its files are of one moment. */
  readonly pauses: boolean;
  readonly signal: AbortSignal;
}

/**
 * Writes what a container has changed as an image's layer (`docker commit`).
 *
 * @param file is made.
 * @throws TetherError as a start does, for a container that does not run.
 */
export async function writeContainerLayer(
  core: Core,
  reference: string,
  file: string,
  { pauses, signal }: LayerOptions,
): Promise<void> {
  const record = core.containers.find(reference);
  const known = look(core, record);
  const isPaused = pauses && known !== undefined && hasGuest(known) && known.state.status !== "paused";
  if (isPaused) await pauseContainer(core, record.id);
  try {
    await using files = await openContainerFiles(core, record.id, signal);
    const changes = await compareWithImage(record, files.connection);
    const archive = await exportFromContainer(files.connection);
    await pipeline(
      Readable.from(packLayer(archive, changes)),
      createWriteStream(file, { flags: "wx", mode: 0o600 }),
      { signal },
    );
  } finally {
    // It may have been killed meanwhile.
    if (isPaused && look(core, record)?.state.status === "paused") await unpauseContainer(core, record.id);
  }
}
