import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { hasCode, TetherError } from "../../protocol/errors/index.ts";
import { QMP_SOCKET } from "./command-line.ts";
import { orAborted } from "./or-aborted.ts";
import { QmpClient } from "./qmp-client.ts";
import { connectSocket } from "./unix-socket.ts";

/**
 * A visit takes 5 to 40 ms, and QEMU serves one visitor after the other. With 12 clients that came and went without
 * a pause, and three more machines under TCG on two processors, one visit in 240 took more than 5 s.
 */
const VISIT_LIMIT_MS = 10_000;

/** QEMU lets two visitors wait; the others try again, not all at the same moment. */
const CROWDED_PAUSE_MS = 10;

/**
 * Speaks with a running machine over its control socket, and leaves: other processes wait for their turn.
 *
 * @param folder the machine's.
 * @param work has to be short; what it began is not undone when it fails, and the machine may have ended before
 *   it is told so.
 * @throws TetherError `hypervisor-failed`: QEMU has ended or refused something, or the visit took longer than
 *   `limitMs`, waiting for others included.
 */
export async function visitQmp<T>(
  folder: string,
  work: (qmp: QmpClient) => Promise<T>,
  limitMs: number = VISIT_LIMIT_MS,
): Promise<T> {
  const limit = AbortSignal.timeout(limitMs);
  let socket: Socket | undefined;
  try {
    socket = await connectInTurn(folder, limit);
    const qmp = new QmpClient(socket);
    const visit = qmp.execute("qmp_capabilities").then(() => work(qmp));
    return await orAborted(visit, limit);
  } catch (error) {
    if (error === limit.reason)
      throw new TetherError("hypervisor-failed", `QEMU did not answer within ${limitMs / 1000} s`);
    throw TetherError.from(error, "hypervisor-failed", "speaking with QEMU");
  } finally {
    socket?.destroy();
  }
}

async function connectInTurn(folder: string, limit: AbortSignal): Promise<Socket> {
  for (;;) {
    limit.throwIfAborted();
    try {
      return await connectSocket(folder, QMP_SOCKET);
    } catch (error) {
      // unix(7): the queue of those who wait is full.
      if (!hasCode(error, "EAGAIN")) throw error;
      await delay(CROWDED_PAUSE_MS * (0.5 + Math.random()));
    }
  }
}
