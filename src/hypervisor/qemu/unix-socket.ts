import { closeSync, openSync } from "node:fs";
import { createConnection, type Server, type Socket } from "node:net";

/*
 * A socket's path holds at most 107 bytes (unix(7)), and a state folder's may be longer: the kernel resolves
 * /proc/self/fd/N, which is short.
 */

/** Connects to a socket in a folder. */
export function connectSocket(folder: string, name: string): Promise<Socket> {
  return withShortPath(folder, (short) => {
    return new Promise<Socket>((resolve, reject) => {
      const socket = createConnection(`${short}/${name}`);
      socket.once("error", reject);
      // Whoever gets the socket sees its end; an error that comes before he listens must not end this process.
      socket.on("error", () => {});
      socket.once("connect", () => resolve(socket));
    });
  });
}

/** Makes a server listen on a socket in a folder. Its file is left to the caller. */
export function listenInFolder(server: Server, folder: string, name: string): Promise<void> {
  return withShortPath(folder, (short) => {
    return new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(`${short}/${name}`, () => {
        server.off("error", reject);
        resolve();
      });
    });
  });
}

/** Lends a short path of a folder, for as long as it is used. */
export async function withShortPath<T>(folder: string, use: (short: string) => Promise<T>): Promise<T> {
  const descriptor = openSync(folder, "r");
  try {
    return await use(`/proc/self/fd/${descriptor}`);
  } finally {
    closeSync(descriptor);
  }
}
