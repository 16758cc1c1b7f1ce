import {
  DEFAULT_LOG,
  DEFAULT_SECURITY,
  NO_RESTART,
  type RunRequest,
} from "../../src/portlayer/execution/index.ts";

/** A request that asks for nothing in particular. */
export function runRequest(changes: Partial<RunRequest> = {}): RunRequest {
  return {
    image: "oci:demo",
    command: [],
    name: undefined,
    entrypoint: undefined,
    environment: [],
    user: undefined,
    workingDirectory: undefined,
    hostname: undefined,
    stopSignal: undefined,
    stopTimeoutMs: undefined,
    restart: NO_RESTART,
    health: undefined,
    log: DEFAULT_LOG,
    security: DEFAULT_SECURITY,
    sysctls: {},
    readOnlyRoot: false,
    labels: {},
    tty: false,
    openStdin: false,
    stdinOnce: false,
    remove: false,
    memoryBytes: 512 * 1024 * 1024,
    cpus: undefined,
    pidsLimit: 0,
    acceleration: "auto",
    hardware: "virtio",
    boot: "kernel",
    start: "cold",
    timeoutMs: undefined,
    startTimeoutMs: 120_000,
    ...changes,
  };
}
