import { type ContainerRecord, exitStatus } from "./container-record.ts";
import type { RestartPolicy } from "./container-settings.ts";

/** Docker's back-off: each pause is twice the one before, from a tenth of a second to a minute. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 60_000;

/** Who ran as long as this has recovered: the pauses begin anew. */
const RECOVERED_MS = 10_000;

/** Whether a container that has ended is started again, after so many restarts. */
export function mayRestart(
  { name, maximumRetryCount }: RestartPolicy,
  exit: ContainerRecord["exit"],
  count: number,
): boolean {
  if (name !== "on-failure") return name !== "no";
  const hasFailed = exit === undefined || exitStatus(exit) !== 0;
  return hasFailed && (maximumRetryCount === 0 || count < maximumRetryCount);
}

/** Whether a container whose machine was lost while it ran is to be started again, after so many restarts. */
export function isToComeBack(record: ContainerRecord, count: number): boolean {
  const { settings, started, isLost, isEnded, exit } = record;
  if (settings === undefined || started === undefined) return false;
  return isLost === true && isEnded !== true && mayRestart(settings.restart, exit, count);
}

/** Whether a container runs whenever there is a daemon. As for dockerd, `always` rests only from who has stopped it. */
export function isKeptUp({ name }: RestartPolicy, { isEnded }: Pick<ContainerRecord, "isEnded">): boolean {
  return name === "always" || (name === "unless-stopped" && isEnded !== true);
}

/** How long a container that has ended rests before it is started again. */
export function nextPauseMs({
  restarts,
  started,
  finished,
}: Pick<ContainerRecord, "restarts" | "started" | "finished">): number {
  const ranMs = Date.parse(finished ?? "") - Date.parse(started ?? "");
  const isFirst = restarts === undefined || restarts.pauseMs === 0 || ranMs >= RECOVERED_MS;
  return isFirst ? FIRST_PAUSE_MS : Math.min(restarts.pauseMs * 2, LONGEST_PAUSE_MS);
}

/** What is left of a policy to a guest, after so many restarts that it knows nothing of. */
export function remainingPolicy(policy: RestartPolicy, count: number): RestartPolicy {
  const { name, maximumRetryCount } = policy;
  if (name !== "on-failure" || maximumRetryCount === 0) return policy;
  return maximumRetryCount > count
    ? { name, maximumRetryCount: maximumRetryCount - count }
    : { name: "no", maximumRetryCount: 0 };
}
