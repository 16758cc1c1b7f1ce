import { TetherError } from "../../protocol/errors/index.ts";

const LAUNCH_ERRORS: ReadonlySet<string> = new Set([
  "command-not-found",
  "command-not-executable",
  "working-directory",
  "launch-failed",
]);

/** Why a process could not be started, in the words of dockerd: Docker's client makes its exit status of them. */
export function inWordsOfStart(error: unknown): unknown {
  if (!(error instanceof TetherError) || !LAUNCH_ERRORS.has(error.code)) return error;
  return new TetherError(
    error.code,
    `failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ${error.message}: unknown`,
    { cause: error },
  );
}
