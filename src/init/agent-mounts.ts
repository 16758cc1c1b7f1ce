import { mkdirSync } from "node:fs";
import type { System } from "../system/system.ts";
import { MS_NODEV, MS_NOEXEC, MS_NOSUID } from "./mount-flags.ts";

/** One mount of the agent's own view of the machine. */
interface AgentMount {
  readonly type: string;
  readonly target: string;
  readonly flags: number;
  readonly data: string | null;
}

const SAFE = MS_NOSUID | MS_NODEV | MS_NOEXEC;

/** Where the agent keeps what it unpacks and generates: memory, which stage 0 has mounted. */
export const RUN_DIRECTORY = "/run";
/** Where the container's name files are made. */
export const NAMES_FOLDER = `${RUN_DIRECTORY}/container`;
/** Where volumes are mounted in the agent's view: memory of its own, so that another agent can take it along. */
export const VOLUMES_FOLDER = `${RUN_DIRECTORY}/tether/volumes`;
/** Where the layer disk is mounted in the agent's view. */
export const CONTAINER_ROOT = "/container";

/**
 * Stage 0 has mounted /proc, /sys, /dev and /run. The one devpts instance serves agent and container, so that a
 * terminal's number means the same to both.
 */
const MOUNTS: readonly AgentMount[] = [
  {
    type: "devpts",
    target: "/dev/pts",
    flags: MS_NOSUID | MS_NOEXEC,
    data: "newinstance,ptmxmode=0666,mode=0620,gid=5",
  },
  { type: "cgroup2", target: "/sys/fs/cgroup", flags: SAFE, data: "nsdelegate" },
];

/** Mounts what the agent itself needs. Once, as PID 1. */
export function mountAgentFileSystems(system: System): void {
  mkdirSync("/dev/pts", { recursive: true });
  for (const { type, target, flags, data } of MOUNTS) system.mount(type, target, type, flags, data);
}
