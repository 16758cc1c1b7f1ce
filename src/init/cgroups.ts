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

/**
 * Makes the two cgroups and moves the agent (the calling process) to its own.
 *
 * @param root the mounted hierarchy; another folder in tests.
 * @returns a write-only descriptor of the container's `cgroup.procs`: whoever writes `0` to it moves there.
 */
export function makeCgroups(root: string = CGROUP_ROOT): number {
  mkdirSync(join(root, AGENT_CGROUP), { recursive: true });
  mkdirSync(join(root, CONTAINER_CGROUP), { recursive: true });
  // Processes must leave the root before its controllers can be handed down (cgroup-v2.rst, "no internal
  // process constraint").
  writeFileSync(join(root, AGENT_CGROUP, "cgroup.procs"), "0");
  writeFileSync(join(root, "cgroup.subtree_control"), CONTROLLERS);
  return openSync(join(root, CONTAINER_CGROUP, "cgroup.procs"), constants.O_WRONLY);
}
