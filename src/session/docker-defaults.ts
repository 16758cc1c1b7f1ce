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

/** Debian's dockerd (systemd unit: LimitNOFILE, LimitNPROC, LimitCORE infinity); nofile as Docker 20.10 shows it. */
export const DEFAULT_RESOURCE_LIMITS = [
  "nofile:1048576:1048576",
  "nproc:unlimited:unlimited",
  "core:unlimited:unlimited",
] as const;
