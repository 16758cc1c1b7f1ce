import { closeSync, constants, openSync } from "node:fs";
import { TetherError } from "../protocol/errors/index.ts";
import type { OpenPty } from "../session/index.ts";

/** What is used of node-pty's native half: it opens and sizes the pty; the launcher makes it a controlling terminal. */
interface NodePtyBinding {
  open(
    columns: number,
    rows: number,
  ): { readonly master: number; readonly slave: number; readonly pty: string };
}

/**
 * node-pty's `open`, loaded when the first terminal is opened.
 *
 * @param path gives the addon's path.
 */
export function loadOpenPty(path: () => string): OpenPty {
  let binding: NodePtyBinding | undefined;
  return (columns, rows) => {
    binding ??= load(path());
    const { master, slave, pty } = binding.open(columns, rows);
    // node-pty's slave is non-blocking, for its own use; a process expects a terminal that blocks.
    closeSync(slave);
    return { master, slave: openSync(pty, constants.O_RDWR | constants.O_NOCTTY) };
  };
}

function load(path: string): NodePtyBinding {
  const module = { exports: {} };
  try {
    process.dlopen(module, path);
  } catch (error) {
    throw TetherError.from(error, "internal", "loading node-pty");
  }
  return module.exports as NodePtyBinding;
}
