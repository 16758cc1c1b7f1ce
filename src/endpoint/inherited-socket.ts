import { TetherError } from "../protocol/errors/index.ts";

/** SD_LISTEN_FDS_START, sd_listen_fds(3). */
const FIRST_DESCRIPTOR = 3;

/**
 * The descriptor of the one socket that systemd has opened for this process (`-H fd://`). The variables that tell of it
 * are removed: no program that is started here is meant.
 *
 * @param environment is changed.
 * @throws TetherError `usage` when there is none, or more than one.
 */
export function takeInheritedSocket(environment: NodeJS.ProcessEnv, pid: number): number {
  const { LISTEN_PID, LISTEN_FDS } = environment;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete environment[name];
  if (LISTEN_PID !== String(pid) || LISTEN_FDS === undefined)
    throw new TetherError("usage", "-H fd://: no socket was handed over: systemd does so for a socket unit");
  if (LISTEN_FDS !== "1")
    throw new TetherError("usage", `-H fd://: ${LISTEN_FDS} sockets were handed over, and one is taken`);
  return FIRST_DESCRIPTOR;
}
