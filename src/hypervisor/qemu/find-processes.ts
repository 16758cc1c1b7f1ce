import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { START_SOCKET } from "./command-line.ts";
import { identifyProcess, type ProcessIdentity } from "./process-identity.ts";

/**
 * The QEMUs that run in a folder or below it, whether anybody has written them down or not: a QEMU's working directory is
 * its machine's folder. Other processes there, such as a user's shell, are none.
 */
export function findMachineProcesses(folder: string): ProcessIdentity[] {
  const path = realpathSync(folder);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => (isMachineIn(pid, path) ? (identifyProcess(Number(pid)) ?? []) : []));
}

function isMachineIn(pid: string, folder: string): boolean {
  try {
    const directory = readlinkSync(`/proc/${pid}/cwd`);
    if (directory !== folder && !directory.startsWith(`${folder}/`)) return false;
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").includes(`unix:${START_SOCKET}`);
  } catch {
    // It has ended meanwhile, or is another user's.
    return false;
  }
}
