import { type Choose, chooseFrom, type ChoosingExecution } from "../../src/cli/stats/chosen-containers.ts";
import type { Execution, KnownContainer } from "../../src/portlayer/execution/index.ts";
import { TetherError } from "../../src/protocol/errors/index.ts";
import { containerRecord } from "./container-records.ts";
import type { FakeGuest } from "./fake-statistics.ts";

/** Containers with a guest run, the others have ended. */
export type Containers = Record<string, FakeGuest | undefined>;

/** Container VMs by their names, as far as statistics are concerned. */
function executionOf(containers: Containers): ChoosingExecution & Pick<Execution, "openStatistics"> {
  const known = (name: string): KnownContainer => ({
    record: containerRecord(Buffer.from(name).toString("hex"), { name }),
    state: {
      status: containers[name] === undefined ? "exited" : "running",
      pid: undefined,
      health: undefined,
      restartCount: 0,
      isOutOfMemory: false,
      exit: undefined,
      finished: undefined,
    },
  });
  const find = (reference: string): KnownContainer => {
    const found = Object.keys(containers)
      .map(known)
      .find(({ record }) => record.name === reference || record.id === reference);
    if (found === undefined) throw new TetherError("no-such-container", `No such container: ${reference}`);
    return found;
  };
  return {
    list: () => Object.keys(containers).map(known),
    containers: { find: (reference) => find(reference).record },
    openStatistics: async (reference) => {
      const guest = containers[find(reference).record.name];
      if (guest === undefined) throw new TetherError("container-not-running", "not running");
      return guest.open();
    },
  };
}

/** What a command is given of {@link executionOf}. */
export function wantedOf(
  containers: Containers,
  references: readonly string[] = [],
  isAll = false,
): { choose: Choose; isNamed: boolean; open: Execution["openStatistics"] } {
  const execution = executionOf(containers);
  return {
    choose: chooseFrom(execution, { references, isAll }),
    isNamed: references.length > 0,
    open: execution.openStatistics,
  };
}
