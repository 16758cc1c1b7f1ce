import { randomBytes } from "node:crypto";
import type { Event } from "../../protocol/control-messages.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import type { LocalStreams } from "../interaction/index.ts";
import { type AttachEnd, followSession, refuseExecUnlessRunning } from "./container-attach.ts";
import type { CreateExec } from "./container-run.ts";
import { type Core, type KnownContainer, lookSettled } from "./core.ts";
import type { RunControl } from "./foreground-run.ts";
import { openGuest } from "./guest-access.ts";
import { eventError } from "./guest-outcome.ts";

/** Docker's ids: 64 hexadecimal digits. */
const ID_BYTES = 32;

/** A process that is started in the background has started, or failed to, within a second on a busy machine. */
const START_LIMIT_MS = 30_000;

/** What `vch exec` asks for. */
export interface ExecRequest {
  /** 64 hexadecimal digits; undefined for a new one. */
  readonly id?: string;
  readonly command: readonly string[];
  /** `K=V`. */
  readonly environment: readonly string[];
  /** Undefined for the container's. */
  readonly user: string | undefined;
  /** Absolute; undefined for the container's. */
  readonly workingDirectory: string | undefined;
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly privileged: boolean;
}

/**
 * Executes a process in a running container and carries its streams to its end.
 *
 * @param control `abort` and `detach` end the attachment, not the process.
 * @throws TetherError `command-not-found` and `command-not-executable` in Docker's words, `container-not-running`,
 *   `container-paused`.
 */
export async function execInContainer(
  core: Core,
  reference: string,
  request: ExecRequest,
  streams: LocalStreams,
  control: RunControl,
): Promise<AttachEnd> {
  const known = await lookSettled(core, reference);
  refuseExecUnlessRunning(known);
  const exec = { ...toCreateExec(request, streams), startAfterAttach: true };
  const tell = tellEvents(core, known, request, exec.id);
  tell("exec_create");
  try {
    tell("exec_start");
    const end = await followSession(core, known, streams, control, { exec });
    if (end.kind === "exited") tell("exec_die", String(end.status));
    return end;
  } catch (error) {
    throw inDockersWords(error);
  }
}

/**
 * Executes a process in a running container and leaves it to itself once it runs.
 *
 * @returns the exec's id.
 * @throws TetherError as {@link execInContainer} does.
 */
export async function execDetached(core: Core, reference: string, request: ExecRequest): Promise<string> {
  const known = await lookSettled(core, reference);
  refuseExecUnlessRunning(known);
  const exec = toCreateExec(request, undefined);
  const tell = tellEvents(core, known, request, exec.id);
  tell("exec_create");
  try {
    tell("exec_start");
    await startDetachedExec(core, known, exec);
  } catch (error) {
    throw inDockersWords(error);
  }
  return exec.id;
}

/**
 * Execs are many: their guest writes only their ends in the log, and who makes them tells the rest. That tells of the
 * end, too: of an exec that ended with its container the guest may not come to it.
 */
function tellEvents(
  { journal }: Core,
  { record }: KnownContainer,
  { command }: ExecRequest,
  execID: string,
): (action: string, exitCode?: string) => void {
  return (action, exitCode) =>
    exitCode === undefined
      ? journal.add(`${action}: ${command.join(" ")}`, record, { execID })
      : journal.add(action, record, { execID, exitCode });
}

async function startDetachedExec(core: Core, { record }: KnownContainer, exec: CreateExec): Promise<void> {
  const started = Promise.withResolvers<void>();
  const observe = (event: Event): void => {
    if (event.sessionId !== exec.id) return;
    const error = eventError(event);
    if (error !== undefined) started.reject(error);
    else if (event.started || event.exited) started.resolve();
  };
  started.promise.catch(() => {});
  await using guest = await openGuest(core, record, observe);
  await guest.connection.request({ createExec: exec });
  const limit = setTimeout(
    () => started.reject(new TetherError("timed-out", "the process has not been started in time")),
    START_LIMIT_MS,
  );
  try {
    await Promise.race([
      started.promise,
      guest.connection.closed.then(() => {
        throw new TetherError("guest-lost", "the link to the container VM broke");
      }),
    ]);
  } finally {
    clearTimeout(limit);
  }
}

function toCreateExec(request: ExecRequest, streams: LocalStreams | undefined): CreateExec {
  const size = streams?.terminal?.size();
  return {
    id: request.id ?? randomBytes(ID_BYTES).toString("hex"),
    args: request.command.map((word) => Buffer.from(word)),
    env: request.environment.map((variable) => Buffer.from(variable)),
    workingDirectory: Buffer.from(request.workingDirectory ?? ""),
    user: request.user ?? "",
    tty: request.tty,
    openStdin: request.openStdin,
    privileged: request.privileged,
    ...(size === undefined ? {} : { columns: size.columns, rows: size.rows }),
  };
}

/** What `docker exec` says when runc could not start the process; scripts look for it. */
function inDockersWords(error: unknown): unknown {
  if (!(error instanceof TetherError) || !LAUNCH_ERRORS.has(error.code)) return error;
  return new TetherError(
    error.code,
    `OCI runtime exec failed: exec failed: unable to start container process: ${error.message}: unknown`,
    { cause: error },
  );
}

const LAUNCH_ERRORS: ReadonlySet<string> = new Set([
  "command-not-found",
  "command-not-executable",
  "working-directory",
  "launch-failed",
]);
