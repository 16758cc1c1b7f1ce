import { createWriteStream } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { TetherError } from "../../protocol/errors/index.ts";
import { LINK_DEVICE } from "./command-line.ts";
import type { QmpClient, QmpEvent } from "./qmp-client.ts";
import { listenInFolder } from "./unix-socket.ts";

/*
 * A machine's state without its memory, by QEMU's migration (docs/devel/migration.rst): with x-ignore-shared the
 * memory stays in its file, and what is left are devices and firmware, about 1 MB.
 */

/** The memory is in a file; the progress is told by events. */
const CAPABILITIES = [
  { capability: "x-ignore-shared", state: true },
  { capability: "events", state: true },
];

/** Where the state is sent to; relative to QEMU's folder. */
const STATE_SOCKET = "state.sock";

/** QEMU's number for the descriptor that it inherited. */
const STATE_DESCRIPTOR = "fd:3";

/** Resolves when the guest has opened the link: it is ready (QMP, VSERPORT_CHANGE). */
export function awaitLinkOpened(qmp: QmpClient): Promise<void> {
  return awaitEvent(qmp, ({ event, data }) => {
    return event === "VSERPORT_CHANGE" && data?.["id"] === LINK_DEVICE && data["open"] === true;
  });
}

/**
 * Stops the machine and writes its state; the machine is of no use afterwards.
 *
 * @param folder QEMU's working directory.
 * @throws TetherError `hypervisor-failed`.
 */
export async function saveState(qmp: QmpClient, folder: string, file: string): Promise<void> {
  await qmp.execute("stop");
  await qmp.execute("migrate-set-capabilities", { capabilities: CAPABILITIES });
  const server = createServer();
  await listenInFolder(server, folder, STATE_SOCKET);
  try {
    const written = new Promise<void>((resolve, reject) => {
      server.once("connection", (socket) => {
        pipeline(socket, createWriteStream(file, { mode: 0o400 })).then(resolve, reject);
      });
    });
    const migrated = awaitMigration(qmp);
    await qmp.execute("migrate", { uri: `unix:${STATE_SOCKET}` });
    await migrated;
    await written;
  } finally {
    server.close();
  }
}

/**
 * Lets a machine that was started with `-incoming defer` go on where its template stopped.
 *
 * @throws TetherError `hypervisor-failed`.
 */
export async function restore(qmp: QmpClient): Promise<void> {
  await qmp.execute("migrate-set-capabilities", { capabilities: CAPABILITIES });
  const migrated = awaitMigration(qmp);
  await qmp.execute("migrate-incoming", { uri: STATE_DESCRIPTOR });
  await migrated;
  await qmp.execute("cont");
}

async function awaitMigration(qmp: QmpClient): Promise<void> {
  let status: unknown;
  await awaitEvent(qmp, ({ event, data }) => {
    if (event !== "MIGRATION") return false;
    status = data?.["status"];
    return status === "completed" || status === "failed";
  });
  if (status === "failed") throw new TetherError("hypervisor-failed", "QEMU: the machine's state is of no use");
}

async function awaitEvent(qmp: QmpClient, isIt: (event: QmpEvent) => boolean): Promise<void> {
  const seen = Promise.withResolvers<void>();
  const before = qmp.onEvent;
  qmp.onEvent = (event) => {
    before(event);
    if (isIt(event)) seen.resolve();
  };
  try {
    await Promise.race([seen.promise, qmp.closed.then(() => Promise.reject(hasEnded()))]);
  } finally {
    qmp.onEvent = before;
  }
}

function hasEnded(): TetherError {
  return new TetherError("hypervisor-failed", "QEMU has ended");
}
