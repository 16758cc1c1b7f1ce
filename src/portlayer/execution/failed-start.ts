import { TetherError } from "../../protocol/errors/index.ts";
import type { ContainerRecord } from "./container-record.ts";

/**
 * The record of a container whose process could not be started: what it was before, with the reason and Docker's exit
 * status. One that has never run is as if it had just been created.
 *
 * @param present as it is now: others may have renamed it.
 * @param before as it was before the start.
 */
export function recordFailedStart(
  present: ContainerRecord,
  { started, finished }: Pick<ContainerRecord, "started" | "finished">,
  thrown: unknown,
): ContainerRecord {
  const error = TetherError.from(thrown, "internal", "starting the container");
  const { machine: _machine, owner: _owner, started: _started, finished: _finished, ...rest } = present;
  return {
    ...rest,
    ...(started === undefined ? {} : { started }),
    ...(finished === undefined ? {} : { finished }),
    exit: { code: error.entry.exitCode, signal: 0 },
    error: error.message,
  };
}
