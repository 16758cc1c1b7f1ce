import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";

/** A folder that is gone, with all in it, when its scope ends. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

/** Makes a new folder in `parent`; dispose of it with `await using`. */
export async function makeTemporaryFolder(parent: string, prefix: string): Promise<TemporaryFolder> {
  const folder = await mkdtemp(path.join(parent, prefix));
  return {
    path: folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
