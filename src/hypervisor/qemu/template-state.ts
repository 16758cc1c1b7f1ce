import { createWriteStream, openSync, type WriteStream } from "node:fs";
import { createServer, type Server } from "node:net";
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
 * @throws TetherError `hypervisor-failed`; the file system's own error when the file cannot be written.
 */
export async function saveState(qmp: QmpClient, folder: string, file: string): Promise<void> {
  await qmp.execute("stop");
  await qmp.execute("migrate-set-capabilities", { capabilities: CAPABILITIES });
  const server = createServer();
  await listenInFolder(server, folder, STATE_SOCKET);
  // Opened at once: whoever gives up and clears the folder away has nobody make a file in it meanwhile.
  const stream = createWriteStream(file, { fd: openSync(file, "w", 0o400) });
  try {
    // A full disk fails the writing first, and then, for want of a reader, QEMU's side: the cause is what is told.
    await Promise.all([
      writeState(server, stream),
      awaitMigration(qmp),
      qmp.execute("migrate", { uri: `unix:${STATE_SOCKET}` }),
    ]);
  } finally {
    server.close();
    stream.destroy();
  }
}

function writeState(server: Server, stream: WriteStream): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    server.once("connection", (socket) => {
      pipeline(socket, stream).then(resolve, reject);
    });
  });
}

/**
 * Gives a machine that was started with `-incoming defer` the state in which its template stopped; it does not go on yet.
 *
 * @param uri where QEMU reads the state.
 * @throws TetherError `hypervisor-failed`.
 */
export async function restore(qmp: QmpClient, uri: string): Promise<void> {
  await qmp.execute("migrate-set-capabilities", { capabilities: CAPABILITIES });
  await Promise.all([awaitMigration(qmp), qmp.execute("migrate-incoming", { uri })]);
}

async function awaitMigration(qmp: QmpClient): Promise<void> {
  let status: unknown;
  await awaitEvent(qmp, ({ event, data }) => {
    if (event !== "MIGRATION") return false;
    status = data?.["status"];
    return status === "completed" || status === "failed";
  });
  if (status === "failed")
    throw new TetherError("hypervisor-failed", "QEMU: the machine's state is of no use");
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
