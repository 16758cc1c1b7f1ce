import { join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import { type LogEntry, type LogTime, readLog } from "../interaction/log/index.ts";
import { hasGuest } from "./container-state.ts";
import { type Core, look } from "./core.ts";
import { LOG } from "./machine-start.ts";

/** Which part of a container's log is wanted. */
export interface LogRequest {
  /** Only the last lines. */
  readonly tail?: number;
  readonly since?: LogTime;
  readonly until?: LogTime;
  /** Goes on until the container ends. */
  readonly follows: boolean;
  readonly signal: AbortSignal;
}

/** A line of output, or a part of one. */
export type LogOutput = Extract<LogEntry, { readonly kind: "output" }>;

/**
 * What a container's process has printed, running or not.
 *
 * @throws TetherError `no-such-container`; `invalid-option` for a container that keeps no log.
 */
export async function* readContainerLogs(
  core: Core,
  reference: string,
  { follows, ...options }: LogRequest,
): AsyncGenerator<LogOutput> {
  const record = core.containers.find(reference);
  if (record.settings?.log.isDisabled === true)
    throw new TetherError("invalid-option", "configured logging driver does not support reading");
  const folder = core.containers.folderOf(record.id);
  const known = look(core, record);
  const isFollowed = follows && known !== undefined && hasGuest(known);
  const machine =
    isFollowed && known.record.machine !== undefined
      ? core.components.driver.adopt({ identity: known.record.machine, folder })
      : undefined;
  const ended = new AbortController();
  try {
    void machine?.ended.then(() => ended.abort());
    const endsWithExit = (record.settings?.restart.name ?? "no") === "no";
    const follow = machine === undefined ? {} : { follow: { ended: ended.signal, endsWithExit } };
    for await (const entry of readLog(join(folder, LOG), { ...options, ...follow }))
      if (entry.kind === "output") yield entry;
  } finally {
    await machine?.[Symbol.asyncDispose]();
  }
}
