import { type ControlComponents, ControlRequests } from "../../src/tether/control-requests.ts";
import { EventLog } from "../../src/tether/event-log.ts";

/** The control channel's requests of an agent that has nothing but these parts: no container, no events. */
export function controlRequests(parts: Partial<ControlComponents> = {}): ControlRequests {
  const events = new EventLog();
  return new ControlRequests({
    agentVersion: "test",
    sessions: undefined,
    processes: () => [],
    userName: () => "",
    events: (afterSequence) => events.after(afterSequence),
    stages: () => [],
    subscribe: (listener) => events.subscribe(listener),
    acknowledgeExit: () => {},
    powerOff: () => {},
    setClock: () => {},
    logRotated: () => {},
    limitProcesses: () => {},
    limitCpus: () => {},
    reload: () => Promise.resolve([]),
    describeAgent: () => ({}),
    upgrade: () => Promise.reject(new Error("not here")),
    confirmUpgrade: () => {},
    ...parts,
  });
}
