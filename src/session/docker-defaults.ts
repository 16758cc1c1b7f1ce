/** Debian's dockerd (systemd unit: LimitNOFILE, LimitNPROC, LimitCORE infinity); nofile as Docker 20.10 shows it. */
export const DEFAULT_RESOURCE_LIMITS = [
  "nofile:1048576:1048576",
  "nproc:unlimited:unlimited",
  "core:unlimited:unlimited",
] as const;
