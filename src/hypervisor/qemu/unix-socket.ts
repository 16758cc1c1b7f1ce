import { closeSync, openSync } from "node:fs";
import { createConnection, type Socket } from "node:net";

/**
 * Connects to a socket in a folder whose path may be longer than the 107 bytes of a socket address (unix(7)):
 * the kernel resolves /proc/self/fd/N, which is short.
 */
export function connectSocket(folder: string, name: string): Promise<Socket> {
  const descriptor = openSync(folder, "r");
  return new Promise<Socket>((resolve, reject) => {
    const socket = createConnection(`/proc/self/fd/${descriptor}/${name}`);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  }).finally(() => closeSync(descriptor));
}
