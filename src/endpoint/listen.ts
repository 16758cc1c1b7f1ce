import { chmodSync, chownSync, lstatSync, readFileSync, readlinkSync, unlinkSync } from "node:fs";
import { type AddressInfo, connect, type Server } from "node:net";
import { hasCode, TetherError } from "../protocol/errors/index.ts";
import { takeInheritedSocket } from "./inherited-socket.ts";
import { type EndpointAddress, formatAddress } from "./listen-address.ts";

/** Owner and group: whoever can write to it is as good as the user that the endpoint runs as. */
const SOCKET_MODE = 0o660;

/**
 * Listens. A socket that an endpoint has left that was killed is removed; one that somebody listens on is not.
 *
 * @returns the address as `docker` understands it.
 * @throws TetherError `invalid-option` when it cannot.
 */
export async function listenOn(server: Server, address: EndpointAddress): Promise<string> {
  if (address.kind === "inherited") return listenOnInherited(server);
  if (address.kind === "unix") await clear(address.path);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  if (address.kind === "unix") {
    // Between its making and the change of its mode nobody else may connect.
    const umask = process.umask(0o177);
    try {
      server.listen(address.path, resolve);
    } finally {
      process.umask(umask);
    }
  } else server.listen(address.port, address.host, resolve);
  try {
    await promise;
  } catch (error) {
    throw TetherError.from(error, "invalid-option", `-H ${formatAddress(address, undefined)}`);
  }
  server.off("error", reject);
  if (address.kind === "unix") giveToGroup(address.path);
  const bound = server.address();
  return formatAddress(address, isInternet(bound) ? bound.port : undefined);
}

/** Its mode and group are the socket unit's. */
async function listenOnInherited(server: Server): Promise<string> {
  const descriptor = takeInheritedSocket(process.env, process.pid);
  // Node listens on other kinds, too, and a TCP socket would be served without TLS.
  const path = unixSocketPath(descriptor);
  if (path === undefined)
    throw new TetherError("invalid-option", "-H fd://: what was handed over is no Unix socket with a path");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ fd: descriptor }, resolve);
  try {
    await promise;
  } catch (error) {
    throw TetherError.from(error, "invalid-option", "-H fd://");
  }
  server.off("error", reject);
  return `unix://${path}`;
}

/** By proc(5): `/proc/net/unix` has the inode of each, and the path of those that have one. */
function unixSocketPath(descriptor: number): string | undefined {
  const inode = /^socket:\[(\d+)\]$/.exec(readDescriptor(descriptor))?.[1];
  if (inode === undefined) return undefined;
  const line = readFileSync("/proc/net/unix", "utf8")
    .split("\n")
    .find((each) => each.split(/\s+/)[6] === inode);
  const path = line?.split(/\s+/).slice(7).join(" ");
  return path?.startsWith("/") === true ? path : undefined;
}

function readDescriptor(descriptor: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch (error) {
    throw TetherError.from(error, "invalid-option", "-H fd://");
  }
}

function isInternet(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}

async function clear(path: string): Promise<void> {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return;
  if (!status.isSocket())
    throw new TetherError("invalid-option", `-H unix://${path}: something else than a socket is there`);
  if (await isListenedOn(path))
    throw new TetherError("invalid-option", `-H unix://${path}: another program listens there`);
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw TetherError.from(error, "invalid-option", `-H unix://${path}`);
  }
}

function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // Refused: nobody has listened since its program ended. Whoever may not connect had better leave it alone.
    socket.once("error", (error) => resolve(!hasCode(error, "ECONNREFUSED", "ENOENT")));
  });
}

/** Docker's group, where this machine has one and we may. */
function giveToGroup(path: string): void {
  const group = dockerGroup();
  if (group !== undefined && process.geteuid?.() === 0) chownSync(path, 0, group);
  chmodSync(path, SOCKET_MODE);
}

function dockerGroup(): number | undefined {
  try {
    const id = /^docker:[^:]*:(\d+):/m.exec(readFileSync("/etc/group", "utf8"))?.[1];
    return id === undefined ? undefined : Number(id);
  } catch {
    // No groups, no group.
    return undefined;
  }
}
