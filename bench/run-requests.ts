import { DEFAULT_MEMORY, DEFAULT_START_TIMEOUT_S, makeRunRequest } from "../src/cli/run-options.ts";
import type { RunRequest } from "../src/portlayer/execution/index.ts";

/** The targets are for software emulation: a machine with KVM measures the same thing as one without. */
export const ACCELERATION = "tcg";

/** What `vch run --rm --accel tcg IMAGE COMMAND` asks the port layer for. */
export function defaultRunRequest(image: string, command: readonly string[]): RunRequest {
  const options = { env: [], envFile: [], rm: true, memory: DEFAULT_MEMORY, accel: ACCELERATION } as const;
  const defaults = { hardware: "virtio", boot: "kernel", start: "forked" } as const;
  const limits = { startTimeout: DEFAULT_START_TIMEOUT_S } as const;
  return makeRunRequest(image, command, { ...options, ...defaults, ...limits }, []);
}
