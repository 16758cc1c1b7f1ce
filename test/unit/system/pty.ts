import { closeSync, constants, openSync } from "node:fs";
import { built } from "../../support/native-system.ts";

/** Both ends of a new pty, the slave blocking as a program expects it; `pty` is the slave's path. */
export interface Pty {
  readonly master: number;
  readonly slave: number;
  readonly pty: string;
}

/** node-pty's own addon, as native/build.mjs compiles it. */
interface PtyBinding {
  open(columns: number, rows: number): Pty;
}

/** Opens a pty of 80 by 24. node-pty makes both ends non-blocking, so the slave is opened anew. */
export function openPty(): Pty {
  const module = { exports: {} };
  process.dlopen(module, built("pty.node"));
  const opened = (module.exports as PtyBinding).open(80, 24);
  const slave = openSync(opened.pty, constants.O_RDWR | constants.O_NOCTTY);
  closeSync(opened.slave);
  return { ...opened, slave };
}
