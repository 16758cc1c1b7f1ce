import { constants, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where cgroup v2 is mounted. */
export const CGROUP_ROOT = "/sys/fs/cgroup";
/** The container's cgroup, below the root; what its processes see as `/`. */
export const CONTAINER_CGROUP = "container";
/** The agent's own, so that its memory and CPU are not the container's. */
export const AGENT_CGROUP = "tether";

/** The controllers that statistics, limits and `docker stats` are made of. */
const CONTROLLERS = "+cpu +io +memory +pids";

/** The kernel's default period of cpu.max, and Docker's. */
const CPU_PERIOD_US = 100_000;
const NANOS_PER_MICRO = 1000;

/**
 * Makes the two cgroups and moves the agent (the calling process) to its own.
 *
 * @param root the mounted hierarchy; another folder in tests.
 */
export function makeCgroups(root: string = CGROUP_ROOT): void {
  mkdirSync(join(root, AGENT_CGROUP), { recursive: true });
  mkdirSync(join(root, CONTAINER_CGROUP), { recursive: true });
  // Processes must leave the root before its controllers can be handed down (cgroup-v2.rst, "no internal
  // process constraint").
  writeFileSync(join(root, AGENT_CGROUP, "cgroup.procs"), "0");
  writeFileSync(join(root, "cgroup.subtree_control"), CONTROLLERS);
}

/**
 * Sets the container's limits.
 *
 * @param nanoCpus CPU time in billionths of a CPU (`docker run --cpus`); 0 for no limit.
 * @returns a write-only descriptor of the container's `cgroup.procs`: whoever writes `0` to it moves there.
 */
export function openContainerCgroup(nanoCpus: number, root: string = CGROUP_ROOT): number {
  // Without a limit it is as the kernel makes it.
  if (nanoCpus > 0) limitCpus(nanoCpus, root);
  return openSync(join(root, CONTAINER_CGROUP, "cgroup.procs"), constants.O_WRONLY);
}

/**
 * Limits the CPU time that the container can have.
 *
 * @param nanoCpus as {@link openContainerCgroup}'s.
 */
export function limitCpus(nanoCpus: number, root: string = CGROUP_ROOT): void {
  const quotaUs = Math.ceil((nanoCpus * CPU_PERIOD_US) / NANOS_PER_MICRO / 1_000_000);
  const quota = nanoCpus === 0 ? "max" : String(quotaUs);
  writeFileSync(join(root, CONTAINER_CGROUP, "cpu.max"), `${quota} ${CPU_PERIOD_US}`);
}

/** Of the memory that is free when the container starts, the agent and the kernel keep this part, within bounds. */
const RESERVED_PART = 1 / 16;
const LEAST_RESERVED_BYTES = 12 * 1024 * 1024;
const MOST_RESERVED_BYTES = 64 * 1024 * 1024;

/**
 * Of the processes and threads that the kernel can have, this part may be the container's, or so many at least: 1,800
 * in a VM of 512 MiB. The rest is left to the kernel and the agent, which stays able to start processes.
 */
const PROCESSES_PART = 1 / 2;
const LEAST_PROCESSES = 256;

/**
 * Keeps the container from taking what the agent needs to go on: a container that wants more memory or processes
 * than there are is refused them, and the agent still answers.
 *
 * @param pidsLimit processes and threads that the container may have (`docker run --pids-limit`); 0 for as many as the
 *   VM can spare, which is the most in any case. An exec is let in when they are used up, as with Docker, and counts.
 * @param proc another folder in tests.
 */
export function limitContainer(pidsLimit: number, root: string = CGROUP_ROOT, proc = "/proc"): void {
  const container = join(root, CONTAINER_CGROUP);
  const available =
    Number(/^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync(`${proc}/meminfo`, "latin1"))?.[1]) * 1024;
  const reserved = Math.min(Math.max(available * RESERVED_PART, LEAST_RESERVED_BYTES), MOST_RESERVED_BYTES);
  writeFileSync(join(container, "memory.max"), String(Math.floor(available - reserved)));
  // The agent comes first, however many processes the container has: it needs little.
  writeFileSync(join(root, AGENT_CGROUP, "cpu.weight"), "10000");
  // Whatever is cached for the agent stays: its code is read anew each time otherwise.
  writeFileSync(join(root, AGENT_CGROUP, "memory.low"), "max");
  limitProcesses(pidsLimit, root, proc);
}

/**
 * Limits the processes and threads that the container can have; those that there are go on.
 *
 * @param pidsLimit as {@link limitContainer}'s.
 * @param proc another folder in tests.
 */
export function limitProcesses(pidsLimit: number, root: string = CGROUP_ROOT, proc = "/proc"): void {
  const threads = Number(readFileSync(`${proc}/sys/kernel/threads-max`, "latin1"));
  const most = Math.max(Math.floor(threads * PROCESSES_PART), LEAST_PROCESSES);
  writeFileSync(
    join(root, CONTAINER_CGROUP, "pids.max"),
    String(pidsLimit === 0 ? most : Math.min(pidsLimit, most)),
  );
}
