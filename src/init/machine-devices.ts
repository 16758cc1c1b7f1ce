import { lstatSync, readdirSync, type Stats } from "node:fs";
import { join } from "node:path";
import type { DeviceNode } from "./container-namespace.ts";

/** What the container has of its own, or what belongs to nobody but PID 1 (moby: pkg/devices, GetDevices). */
const LEFT_OUT = new Set(["pts", "shm", "fd", "mqueue", "console"]);

/** The machine's devices, for a privileged container: every node of the agent's /dev, with its mode. */
export function listMachineDevices(folder: string = "/dev", below: string = ""): DeviceNode[] {
  return readdirSync(join(folder, below)).flatMap((name): DeviceNode[] => {
    if (below === "" && LEFT_OUT.has(name)) return [];
    const path = join(below, name);
    const status = lstatSync(join(folder, path));
    if (status.isDirectory()) {
      return [{ do: "make-directory", path, mode: status.mode & 0o777 }, ...listMachineDevices(folder, path)];
    }
    return status.isCharacterDevice() || status.isBlockDevice() ? [nodeOf(path, status)] : [];
  });
}

/** The bits of dev_t: 12 of the major number, 8 and 12 of the minor one (makedev(3), up to 32 bits). */
function nodeOf(path: string, { mode, rdev }: Stats): DeviceNode {
  const major = (rdev >>> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  return { do: "make-node", path, mode, major, minor };
}
