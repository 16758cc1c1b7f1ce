import type { Inspection } from "../../portlayer/execution/index.ts";

/** The port layer's inspection as Docker's API has it: what Go always writes is there, and nothing else. */
export function describeInspection({ AgentVersion: _agent, ...inspection }: Inspection): object {
  return {
    ...inspection,
    GraphDriver: { Name: "qcow2", Data: null },
  };
}
