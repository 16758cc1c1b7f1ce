import type { NamespaceStep } from "../system/system.ts";
import { CGROUP_ROOT, CONTAINER_CGROUP } from "./cgroups.ts";
import {
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_STRICTATIME,
} from "./mount-flags.ts";

/** Files of the agent's making that are laid over the image's, as Docker does. */
export interface GeneratedFiles {
  /** Paths in the agent's view. */
  readonly hostname: string;
  readonly hosts: string;
  readonly resolvConf: string;
}

/** What of the namespace is not as usual. */
export interface NamespaceOptions {
  /** Nothing masked or read-only, and all of the machine's devices. */
  readonly privileged: boolean;
  /** The image's files and the generated ones cannot be changed. */
  readonly readOnlyRoot: boolean;
  /** Made before the root becomes read-only; afterwards the launcher cannot. Absolute. */
  readonly workingDirectory: string;
  /** Size of /dev/shm; 0 for Docker's default. */
  readonly shmBytes: number;
  /** For a privileged container. */
  readonly machineDevices: readonly DeviceNode[];
}

/** A device beside Docker's own six. */
export type DeviceNode =
  | { readonly do: "make-directory"; readonly path: string; readonly mode: number }
  | {
      readonly do: "make-node";
      /** Below /dev, as in `net/tun`. */
      readonly path: string;
      /** With its S_IFCHR or S_IFBLK bits. */
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

const USUAL: NamespaceOptions = {
  privileged: false,
  readOnlyRoot: false,
  workingDirectory: "/",
  shmBytes: 0,
  machineDevices: [],
};

/** Docker's masked paths (moby, oci/defaults.go): secrets and noise of the kernel. */
const MASKED_PATHS = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
] as const;

/** Which of the masked paths are folders; the others are files. */
const MASKED_FOLDERS: ReadonlySet<string> = new Set([
  "/proc/acpi",
  "/proc/asound",
  "/proc/scsi",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
]);

/** Docker's read-only paths. */
const READ_ONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"] as const;

/** Docker's (daemon/config, DefaultShmSize). */
const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

const S_IFCHR = 0o020000;
const SAFE = MS_NOSUID | MS_NODEV | MS_NOEXEC;

/** The devices of OCI's runtime specification, "Default Devices". */
const DEVICE_NODES: ReadonlyArray<readonly [string, number, number]> = [
  ["null", 1, 3],
  ["zero", 1, 5],
  ["full", 1, 7],
  ["random", 1, 8],
  ["urandom", 1, 9],
  ["tty", 5, 0],
];

const DEVICE_LINKS: ReadonlyArray<readonly [string, string]> = [
  ["/proc/self/fd", "fd"],
  ["/proc/self/fd/0", "stdin"],
  ["/proc/self/fd/1", "stdout"],
  ["/proc/self/fd/2", "stderr"],
  ["/proc/kcore", "core"],
  ["pts/ptmx", "ptmx"],
];

/**
 * What is mounted in the container, in order: /proc, /dev and /sys as Docker provides them, the generated
 * files, then what is masked or read-only.
 *
 * @param root where the layer disk is mounted in the agent's view.
 */
export function containerNamespaceSteps(
  root: string,
  files: GeneratedFiles,
  options: NamespaceOptions = USUAL,
): NamespaceStep[] {
  const { privileged, readOnlyRoot, workingDirectory, shmBytes, machineDevices } = options;
  return [
    ...fileSystems(root, shmBytes || DEFAULT_SHM_BYTES),
    ...cgroup(root, privileged),
    ...devices(root),
    ...machineDevices.map(({ path, ...node }): NamespaceStep => ({ ...node, target: `${root}/dev/${path}` })),
    ...generatedFiles(root, files),
    ...(readOnlyRoot ? closeRoot(root, workingDirectory) : []),
    ...(privileged ? [] : READ_ONLY_PATHS.flatMap((path) => readOnly(root, path))),
    ...(privileged ? [] : MASKED_PATHS.map((path) => mask(root, path))),
  ];
}

function fileSystems(root: string, shmBytes: number): NamespaceStep[] {
  const directory = (path: string): NamespaceStep => ({
    do: "make-directory",
    target: root + path,
    mode: 0o755,
  });
  const mount = (type: string, path: string, flags: number, data?: string): NamespaceStep => ({
    do: "mount",
    source: type,
    target: root + path,
    type,
    flags,
    ...(data === undefined ? {} : { data }),
  });
  const bind = (source: string, path: string): NamespaceStep => ({
    do: "mount",
    source,
    target: root + path,
    type: null,
    flags: MS_BIND,
  });
  return [
    directory("/proc"),
    mount("proc", "/proc", SAFE),
    directory("/dev"),
    mount("tmpfs", "/dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"),
    directory("/dev/pts"),
    // The agent's instance, so that a session's terminal has its name in the container.
    bind("/dev/pts", "/dev/pts"),
    directory("/dev/shm"),
    mount("tmpfs", "/dev/shm", SAFE, `mode=1777,size=${shmBytes}`),
    directory("/dev/mqueue"),
    mount("mqueue", "/dev/mqueue", SAFE),
  ];
}

/** /sys with the container's own cgroup. */
function cgroup(root: string, isWritable: boolean): NamespaceStep[] {
  const flags = isWritable ? SAFE : SAFE | MS_RDONLY;
  const target = `${root}/sys/fs/cgroup`;
  return [
    { do: "make-directory", target: `${root}/sys`, mode: 0o755 },
    { do: "mount", source: "sysfs", target: `${root}/sys`, type: "sysfs", flags },
    { do: "mount", source: `${CGROUP_ROOT}/${CONTAINER_CGROUP}`, target, type: null, flags: MS_BIND },
    { do: "mount", source: null, target, type: null, flags: MS_BIND | MS_REMOUNT | flags },
  ];
}

/** What is mounted on the root stays as it is: only the image's own files and the generated ones are closed. */
function closeRoot(root: string, workingDirectory: string): NamespaceStep[] {
  const flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_RELATIME;
  return [
    ...parents(workingDirectory).map(
      (path): NamespaceStep => ({ do: "make-directory", target: root + path, mode: 0o755 }),
    ),
    ...["/etc/resolv.conf", "/etc/hostname", "/etc/hosts", ""].map(
      (path): NamespaceStep => ({ do: "mount", source: null, target: root + path, type: null, flags }),
    ),
  ];
}

/** `/a`, `/a/b` and `/a/b/c` of `/a/b/c`. */
function parents(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  return names.map((_, index) => `/${names.slice(0, index + 1).join("/")}`);
}

function devices(root: string): NamespaceStep[] {
  return [
    ...DEVICE_NODES.map(
      ([name, major, minor]): NamespaceStep => ({
        do: "make-node",
        target: `${root}/dev/${name}`,
        mode: S_IFCHR | 0o666,
        major,
        minor,
      }),
    ),
    ...DEVICE_LINKS.map(
      ([source, name]): NamespaceStep => ({ do: "symlink", source, target: `${root}/dev/${name}` }),
    ),
  ];
}

function generatedFiles(root: string, files: GeneratedFiles): NamespaceStep[] {
  const laid: ReadonlyArray<readonly [string, string]> = [
    [files.hostname, "/etc/hostname"],
    [files.hosts, "/etc/hosts"],
    [files.resolvConf, "/etc/resolv.conf"],
  ];
  return [
    { do: "make-directory", target: `${root}/etc`, mode: 0o755 },
    ...laid.flatMap(([source, path]): NamespaceStep[] => [
      { do: "make-file", target: root + path, mode: 0o644 },
      { do: "mount", source, target: root + path, type: null, flags: MS_BIND },
    ]),
  ];
}

/** A bind mount takes its flags only when it is mounted again (mount(2), "Creating a bind mount"). */
function readOnly(root: string, path: string): NamespaceStep[] {
  const target = root + path;
  return [
    { do: "mount", source: target, target, type: null, flags: MS_BIND | MS_REC, optional: true },
    {
      do: "mount",
      source: null,
      target,
      type: null,
      flags: MS_BIND | MS_REMOUNT | SAFE | MS_RDONLY,
      optional: true,
    },
  ];
}

function mask(root: string, path: string): NamespaceStep {
  return MASKED_FOLDERS.has(path)
    ? {
        do: "mount",
        source: "tmpfs",
        target: root + path,
        type: "tmpfs",
        flags: SAFE | MS_RDONLY,
        data: "size=0k",
        optional: true,
      }
    : // The container's own null device: its mode is the container's business.
      {
        do: "mount",
        source: `${root}/dev/null`,
        target: root + path,
        type: null,
        flags: MS_BIND,
        optional: true,
      };
}
