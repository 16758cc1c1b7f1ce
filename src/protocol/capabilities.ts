/**
 * The capabilities of a container's process: Docker's default set
 * (`docker run` reference, "Runtime privilege and Linux capabilities").
 */
export const DEFAULT_CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
] as const;

/** Every capability of Linux 6.1 (capabilities(7), by number), for `ALL` less some. */
export const ALL_CAPABILITIES: readonly string[] =
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE \
NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN \
SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE \
MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
    .split(" ")
    .map((name) => `CAP_${name}`);

/** What a container was given and what was taken from it: names with `CAP_`, or `ALL`. */
export interface CapabilityChanges {
  readonly capabilitiesAdded: readonly string[];
  readonly capabilitiesDropped: readonly string[];
}

/**
 * Docker's order (`docker run` reference, "Runtime privilege and Linux capabilities"): adding ALL is all but what is
 * dropped; dropping ALL leaves what is added; else what is dropped goes before what is added comes.
 */
export function effectiveCapabilities({
  capabilitiesAdded,
  capabilitiesDropped,
}: CapabilityChanges): string[] {
  const added = new Set(capabilitiesAdded);
  const dropped = new Set(capabilitiesDropped);
  const kept = (names: readonly string[]): string[] => names.filter((name) => !dropped.has(name));
  if (added.has("ALL")) return kept(ALL_CAPABILITIES);
  if (dropped.has("ALL")) return [...added];
  return [...new Set([...kept(DEFAULT_CAPABILITIES), ...added])];
}
