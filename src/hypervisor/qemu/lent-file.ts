import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, closeSync, copyFileSync, linkSync, openSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { hasCode, TetherError } from "../../protocol/errors/index.ts";
import { renamed } from "./inherited-files.ts";

/**
 * Has a running QEMU open a file.
 *
 * @param access `make`: to write to it, and it is not there.
 * @param use is told by which name QEMU finds the file, and resolves when it has opened it.
 */
export type LendFile = <T>(
  path: string,
  access: "read" | "write" | "make",
  use: (name: string) => Promise<T>,
) => Promise<T>;

/** For a machine whose user may open what whoever speaks with it may. */
export const lendNothing: LendFile = (path, _access, use) => use(resolve(path));

const READABLE_BY_ALL = 0o004;
const PASSED_BY_ALL = 0o001;

/**
 * For a machine with a user of its own: the file gets a second name in the machine's room, and the rights that QEMU needs;
 * both are gone when it has opened it. One that is made must be in the folder around the room.
 *
 * @param room the machine's.
 * @throws TetherError `hypervisor-failed` for a file on another file system that is to be written to.
 */
export function lendTo(room: string): LendFile {
  return async (path, access, use) => {
    if (access === "make") return makeBeside(path, room, use);
    const name = `lent-${randomBytes(8).toString("hex")}`;
    using rights = new DisposableStack();
    rights.defer(() => rmSync(join(room, name), { force: true }));
    if (access === "read") giveToRead(path, join(room, name), rights);
    else giveToWrite(path, room, name, rights);
    try {
      return await use(name);
    } catch (error) {
      throw renamed(error, [[name, path]]);
    }
  };
}

/** To whoever the room belongs to. */
function giveAway(path: string, room: string, rights: DisposableStack): void {
  const before = statSync(path);
  const { uid, gid } = statSync(room);
  rights.defer(() => chownSync(path, before.uid, before.gid));
  chownSync(path, uid, gid);
}

/**
 * By its only name: who watches its folder is told of what is written to the name that it was opened by (inotify(7)). The
 * folder can be passed meanwhile, and nothing else.
 */
async function makeBeside<T>(path: string, room: string, use: (name: string) => Promise<T>): Promise<T> {
  const name = `../${basename(path)}`;
  const folder = dirname(room);
  const { mode } = statSync(folder);
  using rights = new DisposableStack();
  closeSync(openSync(path, "ax", 0o600));
  try {
    giveAway(path, room, rights);
    rights.defer(() => chmodSync(folder, mode));
    chmodSync(folder, mode | PASSED_BY_ALL);
    return await use(name);
  } catch (error) {
    rights.dispose();
    rmSync(path);
    throw renamed(error, [[name, path]]);
  }
}

function giveToWrite(path: string, room: string, name: string, rights: DisposableStack): void {
  try {
    linkSync(path, join(room, name));
  } catch (error) {
    if (!hasCode(error, "EXDEV")) throw error;
    throw new TetherError(
      "hypervisor-failed",
      `${path} is on another file system than ${room}: a machine gets it at its start only`,
    );
  }
  giveAway(path, room, rights);
}

function giveToRead(path: string, target: string, rights: DisposableStack): void {
  const { mode } = statSync(path);
  try {
    linkSync(path, target);
  } catch (error) {
    if (!hasCode(error, "EXDEV")) throw error;
    copyFileSync(path, target);
    chmodSync(target, 0o444);
    return;
  }
  if ((mode & READABLE_BY_ALL) !== 0) return;
  rights.defer(() => chmodSync(path, mode));
  chmodSync(path, mode | READABLE_BY_ALL);
}
