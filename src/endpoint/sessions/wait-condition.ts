import { type Execution, exitStatus, isUp, type KnownContainer } from "../../portlayer/execution/index.ts";
import { FolderWatch } from "../../portlayer/interaction/log/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";

/** Docker's conditions of `POST /containers/{id}/wait`. */
export const WAIT_CONDITIONS = ["not-running", "next-exit", "removed"] as const;
export type WaitCondition = (typeof WAIT_CONDITIONS)[number];

/** What waiting needs of the port layer. */
export interface WaitExecution extends Pick<Execution, "look" | "wait"> {
  readonly containers: Pick<Execution["containers"], "changeMarkOf">;
}

/**
 * Waits for a container's end, as the condition has it.
 *
 * @param known the container as it was when the client asked: what comes after that counts.
 * @param outcomeOf how a container has ended that was removed at its end, if that is known.
 * @returns Docker's exit status.
 * @throws the signal's reason.
 */
export async function waitFor(
  execution: WaitExecution,
  known: KnownContainer,
  condition: WaitCondition,
  signal: AbortSignal,
  outcomeOf: (id: string) => Promise<number | undefined> = async () => undefined,
): Promise<number> {
  const { id } = known.record;
  if (condition === "not-running") return execution.wait(id, signal);
  // Before the first look, so that nothing falls in between.
  using watch = new FolderWatch(execution.containers.changeMarkOf(id));
  let last = statusOf(known);
  for (;;) {
    const present = await lookUntilGone(execution, id);
    if (present === undefined) return (await outcomeOf(id)) ?? last;
    if (isUp(present.state)) last = await execution.wait(id, signal);
    else if (condition === "next-exit" && runOf(present) !== runOf(known)) return statusOf(present);
    else await watch.changed([signal]);
    signal.throwIfAborted();
    if (condition === "next-exit" && isUp(present.state)) return last;
  }
}

/** Tells one run of a container from the next, a start that failed too. */
function runOf({ record: { started, exit, error, finished } }: KnownContainer): string {
  return JSON.stringify([started, exit, error, finished]);
}

function statusOf({ state }: KnownContainer): number {
  return state.exit === undefined ? 0 : exitStatus(state.exit);
}

async function lookUntilGone(execution: WaitExecution, id: string): Promise<KnownContainer | undefined> {
  try {
    return await execution.look(id);
  } catch (error) {
    if (error instanceof TetherError && error.code === "no-such-container") return undefined;
    throw error;
  }
}
