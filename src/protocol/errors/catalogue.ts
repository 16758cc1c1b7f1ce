/** What the catalogue says about one kind of error. */
export interface CatalogueEntry {
  /** Exit status of `vch run` when the error ends it: Docker's, where Docker has one. */
  readonly exitCode: number;
  /** Status of the Docker Engine API's answer. */
  readonly httpStatus: number;
  /** True when the user's input or environment is at fault, false when we are. */
  readonly isUserError: boolean;
  /** What the user can do about it; left out when the message says all. */
  readonly hint?: string;
}

const user = (exitCode: number, httpStatus: number, hint?: string): CatalogueEntry => ({
  exitCode,
  httpStatus,
  isUserError: true,
  ...(hint === undefined ? {} : { hint }),
});
const fault = (exitCode: number, hint?: string): CatalogueEntry => ({
  exitCode,
  httpStatus: 500,
  isUserError: false,
  ...(hint === undefined ? {} : { hint }),
});

/**
 * Every error that a user can meet, by its stable code. `docs/reference/errors.md` is made from it.
 * Exit statuses are those of `docker run`: 125 the container could not be made or started,
 * 126 its command cannot be executed, 127 its command was not found.
 */
export const ERROR_CATALOGUE = {
  // What the user wrote.
  usage: user(125, 400),
  "invalid-option": user(125, 400),
  "invalid-image-reference": user(125, 400),
  "not-a-terminal": user(1, 400),
  "memory-too-small": user(125, 400),
  "name-in-use": user(125, 409),
  "no-such-container": user(1, 404),
  "container-running": user(1, 409),
  "container-not-running": user(1, 409),
  "container-paused": user(1, 409),
  "no-such-volume": user(1, 404),
  "volume-in-use": user(125, 409),
  "configuration-invalid": user(1, 400),
  "recording-invalid": user(1, 400),

  // Images.
  "image-not-found": user(125, 404),
  "image-corrupt": user(125, 500),
  "image-unsafe": user(125, 500),
  "image-empty": user(125, 400),
  "image-platform": user(125, 400),
  "image-unreachable": user(125, 500),
  "registry-denied": user(125, 401),

  // The machine that vch runs on.
  "tool-missing": user(125, 500),
  "state-not-writable": user(125, 500),
  "state-damaged": user(
    125,
    500,
    "end every vch, then put a copy of the file back, or what can be read of it: docs/guides/state.md says how; the containers' disks are in folders of their own",
  ),
  "no-space": user(125, 500),
  "needs-root": user(125, 500),
  "acceleration-unavailable": user(125, 400),
  "not-set-up": user(125, 500, "run `npm start` once: it builds what is missing"),
  "hypervisor-failed": fault(125),

  // The container VM.
  "guest-panic": fault(125),
  "guest-not-connected": fault(125),
  "guest-lost": fault(125),
  "guest-initialisation": fault(125),
  // Its vNICs.
  "network-device-missing": fault(125),
  "network-failed": fault(125),
  "firewall-failed": fault(125),
  "no-address": user(125, 500),
  // Its volumes.
  "volume-missing": fault(125),
  "volume-failed": fault(125),
  "file-system-error": fault(125, "stop the container and check its disk with e2fsck"),
  "link-protocol": fault(125),
  "too-many-clients": user(1, 503),
  "client-too-slow": user(1, 500),
  "timed-out": user(125, 504),

  // The container's process.
  "user-not-found": user(125, 400),
  "working-directory": user(126, 400),
  "command-not-found": user(127, 400),
  "command-not-executable": user(126, 400),
  "launch-failed": fault(126),
  "no-such-session": user(1, 404),
  // What the container's state does not allow.
  conflict: user(1, 409),
  // The container goes on with the agent that it has.
  "upgrade-failed": user(1, 500),

  // Files that are copied.
  "file-not-found": user(1, 404),
  "copy-impossible": user(1, 400),
  "archive-invalid": user(1, 400),
  "archive-unsafe": user(1, 400),

  internal: fault(
    125,
    "this is a defect in tether: please report it with the output of the same command and `-v`",
  ),
} as const satisfies Record<string, CatalogueEntry>;

/** The closed set of error codes. */
export type ErrorCode = keyof typeof ERROR_CATALOGUE;
