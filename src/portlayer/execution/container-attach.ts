import { join } from "node:path";
import { CONSOLE_LOG } from "../../hypervisor/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { type LocalStreams, readLinkFiles } from "../interaction/index.ts";
import { exitStatus } from "./container-record.ts";
import type { CreateExec } from "./container-run.ts";
import { type Core, type KnownContainer, lookSettled } from "./core.ts";
import type { RunControl } from "./foreground-run.ts";
import { ANSWER_LIMIT_MS, notRunning } from "./guest-access.ts";
import { GuestLease } from "./guest-lease.ts";
import { keepLog } from "./kept-log.ts";
import { LOG } from "./machine-start.ts";

/** How a client's part in a session ended: with Docker's exit status of the process, or before. */
export type AttachEnd = { readonly kind: "exited"; readonly status: number } | { readonly kind: "detached" };

/**
 * Attaches to the process of a container that runs: from now on, until it ends or the client detaches.
 *
 * @param control `abort` ends the attachment, not the container.
 * @throws TetherError in Docker's words for a container that does not run.
 */
export async function attachToContainer(
  core: Core,
  reference: string,
  streams: LocalStreams,
  control: RunControl,
): Promise<AttachEnd> {
  const known = await lookSettled(core, reference);
  refuseUnlessRunning(known);
  core.journal.add("attach", known.record);
  return followSession(core, known, streams, control, { fromNow: true });
}

/** Carries a session of a running container: its main one, or an exec that is made for it. */
export async function followSession(
  core: Core,
  { record }: KnownContainer,
  streams: LocalStreams,
  control: RunControl,
  session: { readonly fromNow: true } | { readonly exec: CreateExec },
): Promise<AttachEnd> {
  const folder = core.containers.folderOf(record.id);
  const isExec = "exec" in session;
  // A connection that is kept has no handshake before it.
  const kept = isExec ? core.guests.take(record) : undefined;
  using turn = kept === undefined ? await core.handshakes.take(control.abort) : undefined;
  await using lease = new GuestLease(core, record, kept);
  const { ContainerRun } = await import("./container-run.ts");
  const run = new ContainerRun({
    machine: lease.machine,
    ...(isExec ? { lease } : {}),
    keys: readLinkFiles(folder),
    streams,
    ...session,
    // Others may be attached: the guest powers off once all of them have gone.
    acknowledges: () => false,
    consoleLog: join(folder, CONSOLE_LOG),
    log: join(folder, LOG),
    startTimeoutMs: ANSWER_LIMIT_MS,
    onStages: () => {},
    onConnected: () => turn?.[Symbol.dispose](),
    onStarted: (pid) => control.onRunning((signal) => run.signal(signal), pid),
  });
  control.detach?.addEventListener("abort", () => run.leave());
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    run.leave();
    aborted.reject(control.abort.reason);
  };
  control.abort.addEventListener("abort", onAbort);
  if (control.abort.aborted) onAbort();
  await using _log = keepLog(core, record, run);
  try {
    const end = await Promise.race([aborted.promise, run.complete()]);
    return end === "left" ? { kind: "detached" } : { kind: "exited", status: exitStatus(end.exit) };
  } finally {
    control.abort.removeEventListener("abort", onAbort);
    aborted.promise.catch(() => {});
  }
}

function refuseUnlessRunning({ state }: KnownContainer): void {
  switch (state.status) {
    case "running":
      return;
    case "paused":
      throw new TetherError("container-paused", "You cannot attach to a paused container, unpause it first");
    case "restarting":
      throw new TetherError(
        "container-not-running",
        "You cannot attach to a restarting container, wait until it is running",
      );
    default:
      throw new TetherError(
        "container-not-running",
        "You cannot attach to a stopped container, start it first",
      );
  }
}

/** @throws TetherError in Docker's words for a container in which nothing can be executed. */
export function refuseExecUnlessRunning({ record, state }: KnownContainer): void {
  if (state.status === "paused")
    throw new TetherError(
      "container-paused",
      `Container ${record.id} is paused, unpause the container before exec`,
    );
  if (state.status === "restarting")
    throw new TetherError(
      "container-not-running",
      `Container ${record.id} is restarting, wait until the container is running`,
    );
  if (state.status !== "running") throw notRunning(record.id);
}
