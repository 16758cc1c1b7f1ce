import { closeSync, constants, lchownSync, openSync, statSync } from "node:fs";
import { createConnection, type Server, type Socket } from "node:net";
import { join } from "node:path";

/*
 * A socket's path holds at most 107 bytes (unix(7)), and a state folder's may be longer: the kernel resolves
 * /proc/self/fd/N, which is short.
 */

/** open(2)'s, which Node has no name for: the file itself is found, and nothing is opened. */
const O_PATH = 0o10000000;

/** Connects to a socket in a folder; where a link is in its place, whoever made that is not followed. */
export function connectSocket(folder: string, name: string): Promise<Socket> {
  const use = (short: string): Promise<Socket> =>
    new Promise<Socket>((resolve, reject) => {
      const socket = createConnection(short);
      socket.once("error", reject);
      // Whoever gets the socket sees its end; an error that comes before he listens must not end this process.
      socket.on("error", () => {});
      socket.once("connect", () => resolve(socket));
    });
  return withShortPath(join(folder, name), use, O_PATH | constants.O_NOFOLLOW);
}

/** Makes a server listen on a socket in a folder, which is its owner's as well. Its file is left to the caller. */
export function listenInFolder(server: Server, folder: string, name: string): Promise<void> {
  return withShortPath(folder, (short) => {
    return new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(`${short}/${name}`, () => {
        server.off("error", reject);
        giveToOwner(folder, name);
        resolve();
      });
    });
  });
}

/** A machine may have a user of its own, who is to connect. */
function giveToOwner(folder: string, name: string): void {
  const { uid, gid } = statSync(folder);
  if (uid !== process.geteuid?.()) lchownSync(join(folder, name), uid, gid);
}

/** Lends a short path, of a folder if nothing else is said, for as long as it is used. */
export async function withShortPath<T>(
  path: string,
  use: (short: string) => Promise<T>,
  flags = constants.O_RDONLY,
): Promise<T> {
  const descriptor = openSync(path, flags);
  try {
    return await use(`/proc/self/fd/${descriptor}`);
  } finally {
    closeSync(descriptor);
  }
}
