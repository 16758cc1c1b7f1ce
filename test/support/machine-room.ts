import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOM } from "../../src/hypervisor/qemu/own-user.ts";

/** Where a machine that runs has its sockets. @param folder the machine's. */
export function machineRoom(folder: string): string {
  const room = join(folder, ROOM);
  return existsSync(join(room, "qmp.sock")) ? room : folder;
}
