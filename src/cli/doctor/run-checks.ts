import { spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import type { StateCheck, StateFolder } from "../../portlayer/execution/index.ts";

/** What a check has found: all is well, something is missing that not everybody needs, or containers cannot run. */
export interface Finding {
  readonly is: "ok" | "warning" | "failure";
  readonly what: string;
  /** What is there, or what is wrong and what to do. */
  readonly says: string;
}

/** What the checks know of the rest of vch, which every start has loaded already. */
export interface CheckedParts {
  /** Opens the state folder. @throws what is wrong with it. */
  readonly openState: () => StateFolder;
  /** Reads what the state folder knows. */
  readonly checkState: (folder: StateFolder) => StateCheck;
  /** @throws what is missing of the boot medium. */
  readonly findBootMedium: () => void;
  /** Why KVM cannot be used; undefined when it can. */
  readonly whyNoKvm: () => string | undefined;
  /** The Debian package of each tool. */
  readonly tools: Readonly<Record<string, string>>;
  readonly folderServer: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly userId: number | undefined;
  /** Why machines run as whoever starts them; undefined when each has a user of its own. */
  readonly whyCallersUser: () => string | undefined;
}

/** What only some commands need; without the others no container runs. */
const OPTIONAL_TOOLS: Readonly<Record<string, string>> = {
  "mkfs.xfs": "volumes with xfs",
  "rsvg-convert": "plots as PNG",
  openssl: "vch certs",
};

/** The first version of QEMU that container VMs were tested with: Debian 12's. */
const LEAST_QEMU = [7, 2] as const;

/** An image's disk and a container's; a template's memory file has 512 MB. */
const LEAST_FREE_BYTES = 1024 ** 3;
const ENOUGH_FREE_BYTES = 5 * 1024 ** 3;

/** A container VM has 512 MB unless it asks for something else, and its template as much. */
const ENOUGH_MEMORY_BYTES = 1024 ** 3;

/** Debian keeps mke2fs and debugfs where an ordinary user's PATH does not look. */
const SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin";

/** Looks at everything that container VMs need of this machine. */
export function runChecks(parts: CheckedParts): Finding[] {
  const state = checkStateFolder(parts);
  return [
    state.finding,
    ...(state.folder === undefined
      ? []
      : [checkDatabase(parts, state.folder), checkSpace(state.folder.root)]),
    checkMemory(),
    checkBootMedium(parts),
    checkQemu(parts),
    checkKvm(parts),
    checkUser(parts),
    checkMachineUsers(parts),
    checkFolderServer(parts),
    ...Object.entries(parts.tools).map(([tool, debianPackage]) => checkTool(parts, tool, debianPackage)),
  ];
}

function checkStateFolder({ openState }: CheckedParts): {
  readonly finding: Finding;
  readonly folder: StateFolder | undefined;
} {
  try {
    const folder = openState();
    return { finding: { is: "ok", what: "state folder", says: folder.root }, folder };
  } catch (error) {
    const says = `${reasonOf(error)}: set VCH_STATE to a folder that you may write to`;
    return { finding: { is: "failure", what: "state folder", says }, folder: undefined };
  }
}

function checkDatabase({ checkState }: CheckedParts, folder: StateFolder): Finding {
  const { damage, strays } = checkState(folder);
  if (damage !== undefined) return { is: "failure", what: "state database", says: damage };
  if (strays.length === 0) return { is: "ok", what: "state database", says: "whole" };
  const says = `no record belongs to ${strays.join(", ")}: put back a state.db that has them, or remove them`;
  return { is: "warning", what: "state database", says };
}

function checkSpace(root: string): Finding {
  const { bavail, bsize } = statfsSync(root);
  const bytes = bavail * bsize;
  const says = `${gigabytes(bytes)} free in ${root}`;
  const more = "remove images or containers, or set VCH_STATE to a folder of a larger disk";
  if (bytes < LEAST_FREE_BYTES) return { is: "failure", what: "disk space", says: `${says}: ${more}` };
  if (bytes < ENOUGH_FREE_BYTES) return { is: "warning", what: "disk space", says: `${says}: ${more}` };
  return { is: "ok", what: "disk space", says };
}

/** By proc(5)'s /proc/meminfo. */
function checkMemory(): Finding {
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  const bytes = Number(kilobytes ?? 0) * 1024;
  const says = `${gigabytes(bytes)} available`;
  if (bytes >= ENOUGH_MEMORY_BYTES) return { is: "ok", what: "memory", says };
  return { is: "warning", what: "memory", says: `${says}: give container VMs less (-m 128m)` };
}

function checkBootMedium({ findBootMedium }: CheckedParts): Finding {
  try {
    findBootMedium();
    return { is: "ok", what: "boot medium", says: "kernel, initramfs and agent are there" };
  } catch (error) {
    return { is: "failure", what: "boot medium", says: `${reasonOf(error)}: npm run set-up makes it` };
  }
}

function checkQemu({ environment }: CheckedParts): Finding {
  const { stdout, error } = spawnSync("qemu-system-x86_64", ["--version"], {
    env: environment,
    encoding: "utf8",
  });
  if (error !== undefined)
    return { is: "failure", what: "QEMU", says: "not installed: apt-get install qemu-system-x86" };
  const [, version = "", major, minor] = /version ((\d+)\.(\d+)\S*)/.exec(stdout) ?? [];
  const isTested =
    Number(major) > LEAST_QEMU[0] || (Number(major) === LEAST_QEMU[0] && Number(minor) >= LEAST_QEMU[1]);
  if (isTested) return { is: "ok", what: "QEMU", says: version };
  const says = `${version || "of no version"}: ${LEAST_QEMU.join(".")} or newer is what container VMs are tested with`;
  return { is: "warning", what: "QEMU", says };
}

function checkKvm({ whyNoKvm }: CheckedParts): Finding {
  const reason = whyNoKvm();
  if (reason === undefined) return { is: "ok", what: "KVM", says: "can be used" };
  const says = `cannot be used (${reason}): container VMs run under emulation, several times slower`;
  return { is: "warning", what: "KVM", says };
}

function checkUser({ userId }: CheckedParts): Finding {
  if (userId === 0) return { is: "ok", what: "permissions", says: "root" };
  const says = "not root: new images and folders of this machine in containers (-v /path) need sudo";
  return { is: "warning", what: "permissions", says };
}

/** That an ordinary user's machines are his is as it should be. */
function checkMachineUsers({ userId, whyCallersUser }: CheckedParts): Finding {
  const what = "container VMs' users";
  const reason = whyCallersUser();
  if (reason === undefined) return { is: "ok", what, says: "each has one of its own, without privileges" };
  if (userId !== 0) return { is: "ok", what, says: "they run as you" };
  return {
    is: "warning",
    what,
    says: `they run as root (${reason}): a QEMU that its guest has taken over is root`,
  };
}

function checkFolderServer({ folderServer }: CheckedParts): Finding {
  if (isExecutable(folderServer)) return { is: "ok", what: "virtiofsd", says: folderServer };
  const says = `no ${folderServer}: apt-get install qemu-system-common, for folders of this machine (-v /path)`;
  return { is: "warning", what: "virtiofsd", says };
}

function checkTool({ environment }: CheckedParts, tool: string, debianPackage: string): Finding {
  const folders = `${environment["PATH"] ?? "/usr/bin:/bin"}:${SYSTEM_PATH}`.split(":");
  const found = folders.map((folder) => join(folder, tool)).find(isExecutable);
  if (found !== undefined) return { is: "ok", what: tool, says: found };
  const use = OPTIONAL_TOOLS[tool];
  const says = `not installed: apt-get install ${debianPackage}${use === undefined ? "" : `, for ${use}`}`;
  return { is: use === undefined ? "failure" : "warning", what: tool, says };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not there, or not for us.
    return false;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
