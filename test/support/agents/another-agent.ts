import { readFileSync } from "node:fs";
import type { ReadAsset } from "../../../src/tether/assets.ts";
import { UPGRADE_VARIABLE } from "../../../src/system/crash-plan.ts";
import { main as start, warmUp } from "../../../src/tether/main.ts";
import { StateStore } from "../../../src/tether/state-store.ts";
import type { NativeBinding } from "../../../src/system/native-binding.ts";
import { TRIAL_OPTION } from "../../../src/tether/trial-option.ts";

export { warmUp };

/** The container's `/fault`, also for an agent on trial, which sees PID 1. */
const FAULT = "/proc/1/root/container/fault";

/** What goes wrong on trial. */
const ON_TRIAL: Readonly<Record<string, () => void>> = {
  "does not know the state": () => {
    process.argv[process.argv.indexOf(TRIAL_OPTION) + 1] = "0";
  },
  "crashes on trial": () => process.abort(),
};

/** What goes wrong in the agent that takes over, before it starts. */
const BEFORE: Readonly<Record<string, () => void>> = {
  "cannot read the state": () =>
    Object.defineProperty(StateStore.prototype, "document", {
      get: () => {
        throw new Error("no such state");
      },
    }),
};

/** And while it does. */
const AFTERWARDS: Readonly<Record<string, () => void>> = {
  aborts: () => process.abort(),
  throws: () => {
    throw new Error("a defect");
  },
  rejects: () => void Promise.reject(new Error("a defect")),
  exits: () => process.exit(3),
  hangs: () => {
    for (;;) continue;
  },
};

/** The agent, but for its version; it has the fault that the container asks for. */
export function main(readAsset: ReadAsset, addon: NativeBinding | undefined): void {
  const fault = readFault();
  if (process.argv.includes(TRIAL_OPTION)) ON_TRIAL[fault]?.();
  const takesOver = process.env[UPGRADE_VARIABLE] !== undefined;
  if (takesOver) BEFORE[fault]?.();
  start(readAsset, addon);
  if (takesOver) AFTERWARDS[fault]?.();
}

function readFault(): string {
  try {
    return readFileSync(FAULT, "utf8").trim();
  } catch {
    // None.
    return "";
  }
}
