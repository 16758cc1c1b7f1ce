import { CRASH_VARIABLE, FATAL_SIGNALS, type Takeover, UPGRADE_VARIABLE } from "../system/crash-plan.ts";
import type { System } from "../system/system.ts";
import { constants } from "node:os";

/** The agent's executable, in the root of its image. */
export const AGENT_PATH = "/tether";

/**
 * From here on a crash ends in an agent that takes over: the same one, or, while an upgrade is not confirmed, the one
 * before, which also comes back when the confirmation does not come in time.
 */
export function installCrashPlan(system: System, takeover: Takeover | undefined): void {
  system.installCrashHandler({
    path: "/proc/self/exe",
    args: ["tether"],
    env: inheritedEnvironment(),
    signals: takeover === undefined ? FATAL_SIGNALS : [...FATAL_SIGNALS, constants.signals.SIGALRM],
    powersOff: true,
    atExit: true,
    ...(takeover === undefined ? {} : { handBack: { root: takeover.oldRoot, path: AGENT_PATH } }),
  });
}

/** What every agent is given: `KEY=VALUE`, without what tells why it runs. */
export function inheritedEnvironment(): string[] {
  return Object.entries(process.env)
    .filter(([name]) => name !== CRASH_VARIABLE && name !== UPGRADE_VARIABLE)
    .map(([name, value]) => `${name}=${value ?? ""}`);
}

/** What the agent before has left for one that is to take over from it; undefined for every other. */
export function readTakeover(environment: NodeJS.ProcessEnv): Takeover | undefined {
  const text = environment[UPGRADE_VARIABLE];
  // The agent before has written it.
  return text === undefined ? undefined : (JSON.parse(text) as Takeover);
}
