import { constants, mkdirSync, openSync, writeFileSync } from "node:fs";
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
  if (nanoCpus > 0) {
    const quotaUs = Math.ceil((nanoCpus * CPU_PERIOD_US) / NANOS_PER_MICRO / 1_000_000);
    writeFileSync(join(root, CONTAINER_CGROUP, "cpu.max"), `${quotaUs} ${CPU_PERIOD_US}`);
  }
  return openSync(join(root, CONTAINER_CGROUP, "cgroup.procs"), constants.O_WRONLY);
}
