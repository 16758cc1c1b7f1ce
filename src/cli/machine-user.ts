import { CALLERS_USER, OwnUsers, type QemuUser, whyNoOwnUsers } from "../hypervisor/index.ts";

/** `VCH_QEMU_USER`, with which machines run as whoever starts them, though they could have users of their own. */
const CALLER = "caller";

/**
 * As whom machines run: each as a user of its own, where that can be.
 *
 * @param programs the folder of what native/build.mjs has made.
 */
export function machineUser(programs: string, environment: NodeJS.ProcessEnv): QemuUser {
  return whyCallersUser(programs, environment) === undefined ? new OwnUsers(programs) : CALLERS_USER;
}

/** Why machines run as whoever starts them; undefined when each has a user of its own. */
export function whyCallersUser(programs: string, environment: NodeJS.ProcessEnv): string | undefined {
  if (environment["VCH_QEMU_USER"] === CALLER) return "VCH_QEMU_USER says so";
  return whyNoOwnUsers(programs);
}
