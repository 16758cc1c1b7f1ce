import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";

/** In the root: the lock of the endpoint that serves the state folder. */
export const ENDPOINT_LOCK = "endpoint-lock";

/** Where everything that outlives a command is kept. */
export interface StateFolder {
  readonly root: string;
  readonly images: string;
  readonly containers: string;
  readonly volumes: string;
  /** Stopped machines that others are forked from. */
  readonly templates: string;
}

/**
 * Opens (and makes) the state folder: `$VCH_STATE`, else `vch` below `$XDG_STATE_HOME`, else
 * `~/.local/state/vch`. Private: it holds the keys of running container VMs.
 *
 * @throws TetherError `state-not-writable` that names the folder.
 */
export function openStateFolder(environment: NodeJS.ProcessEnv): StateFolder {
  const stateHome = environment["XDG_STATE_HOME"] || join(homedir(), ".local/state");
  const root = resolve(environment["VCH_STATE"] || join(stateHome, "vch"));
  const folder = {
    root,
    images: join(root, "images"),
    containers: join(root, "containers"),
    volumes: join(root, "volumes"),
    templates: join(root, "templates"),
  };
  try {
    for (const path of Object.values(folder)) makeFolder(path);
    for (const path of Object.values(folder)) accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw TetherError.from(error, "state-not-writable", `the state folder ${root} cannot be written`);
  }
  return folder;
}

/** With its parents. Node's own way of doing so never ends where mkdir(2) always gives ENOENT, as in /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another vch may have made it this moment.
    if (!existsSync(path)) throw error;
  }
}
