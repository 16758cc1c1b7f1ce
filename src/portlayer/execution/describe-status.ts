import { exitStatus } from "./container-record.ts";
import type { ContainerState } from "./container-state.ts";
import type { KnownContainer } from "./core.ts";
import { describeAge } from "./describe-age.ts";

/** Docker's words; a container whose `vch` was killed while it made it is dead until it is removed. */
export function describeStatus({ record, state }: KnownContainer): string {
  const since = describeAge(record.started ?? record.created);
  const sinceEnd = describeAge(state.finished ?? record.started ?? record.created);
  switch (state.status) {
    case "running":
      return `Up ${since}${state.health === undefined ? "" : ` (${HEALTH[state.health]})`}`;
    case "paused":
      return `Up ${since} (Paused)`;
    case "restarting":
      return `Restarting (${describeExit(state)}) ${sinceEnd} ago`;
    case "exited":
      return `Exited (${describeExit(state)}) ${sinceEnd} ago`;
    case "dead":
      return "Dead";
    default:
      return "Created";
  }
}

const HEALTH = { starting: "health: starting", healthy: "healthy", unhealthy: "unhealthy" } as const;

function describeExit({ exit }: ContainerState): string {
  return String(exit === undefined ? 0 : exitStatus(exit));
}
