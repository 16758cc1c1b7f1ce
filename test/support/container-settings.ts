import {
  type ContainerSettings,
  DEFAULT_LOG,
  DEFAULT_SECURITY,
  NO_RESTART,
} from "../../src/portlayer/execution/index.ts";

/** Settings that ask for nothing in particular. */
export function containerSettings(changes: Partial<ContainerSettings> = {}): ContainerSettings {
  return {
    hostname: "box",
    args: ["/bin/true"],
    entrypoint: [],
    command: ["/bin/true"],
    environment: [],
    workingDirectory: "/",
    user: "",
    stopSignal: "SIGTERM",
    nanoCpus: 0,
    pidsLimit: 0,
    shmBytes: 0,
    extraHosts: [],
    interfaces: [],
    resolver: { nameservers: [], search: [], options: [] },
    domainname: "",
    tty: false,
    openStdin: false,
    stdinOnce: false,
    restart: NO_RESTART,
    log: DEFAULT_LOG,
    security: DEFAULT_SECURITY,
    sysctls: {},
    readOnlyRoot: false,
    labels: {},
    imageDisk: "/images/disk",
    acceleration: "auto",
    hardware: "virtio",
    boot: "kernel",
    start: "cold",
    startTimeoutMs: 120_000,
    autoRemove: false,
    ...changes,
  };
}
