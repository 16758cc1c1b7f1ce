import type { Socket } from "node:net";
import { TetherError } from "../../protocol/errors/index.ts";
import { QMP_SOCKET } from "./command-line.ts";
import { orAborted } from "./or-aborted.ts";
import { QmpClient } from "./qmp-client.ts";
import { connectSocket } from "./unix-socket.ts";

/** QEMU's name of the log port's host side. */
const LOG_CHARDEV = "log";

/** Somebody else may be speaking to QEMU; nobody does so for long. */
const TURN_LIMIT_MS = 10_000;

/**
 * Makes a machine write its log to a new file, when `prepare` says so. QEMU speaks to one visitor of its socket at a
 * time: that is the lock. It makes the new file before it leaves the old one, and no write falls in between (44
 * changes at 32 MB/s: every byte in one file or the other, 1.5 ms each).
 *
 * @param folder the machine's.
 * @throws TetherError `hypervisor-failed` when QEMU cannot, or is busy with several visitors; it writes to the old
 *   file then.
 */
export async function switchLogFile(folder: string, path: string, prepare: () => boolean): Promise<boolean> {
  const socket = await connect(folder);
  try {
    const qmp = new QmpClient(socket);
    const signal = AbortSignal.timeout(TURN_LIMIT_MS);
    await orAborted(qmp.execute("qmp_capabilities"), signal);
    if (!prepare()) return false;
    const backend = { type: "file", data: { out: path, append: true } };
    await orAborted(qmp.execute("chardev-change", { id: LOG_CHARDEV, backend }), signal);
    return true;
  } finally {
    socket.destroy();
  }
}

/** QEMU lets one visitor wait behind the one it speaks to, and no more (its socket's backlog). */
async function connect(folder: string): Promise<Socket> {
  try {
    return await connectSocket(folder, QMP_SOCKET);
  } catch (error) {
    throw TetherError.from(error, "hypervisor-failed", "QEMU cannot be asked for a new log file");
  }
}
