import { join } from "node:path";
import type { Event } from "../../protocol/control-messages.ts";
import { type ContainerRecord, exitStatus } from "./container-record.ts";
import type { ContainerEvent } from "./event-journal.ts";
import { readLogEvents } from "./guest-outcome.ts";
import { LOG } from "./machine-start.ts";
import { toExit } from "./run-events.ts";

/** What a container's guest has reported of its last run, in Docker's words. */
export function readGuestEvents(record: ContainerRecord, folder: string): ContainerEvent[] {
  // Without a start there is no log.
  if (record.started === undefined) return [];
  return translateEvents(readLogEvents(join(folder, LOG)), record);
}

/** The guest's events in Docker's words; without those that Docker does not tell, or the host tells itself. */
export function translateEvents(events: readonly Event[], record: ContainerRecord): ContainerEvent[] {
  const commands = new Map<string, string>();
  let hasStarted = false;
  return events.flatMap((event) => {
    hasStarted ||= isMain(event) && Boolean(event.started);
    // Docker says nothing of what could not be started; what ran before and cannot be again has died.
    if (event.failed && !(isMain(event) && hasStarted)) return [];
    if (event.execCreated) commands.set(event.sessionId ?? "", commandLine(event));
    const described = describeEvent(event, commands);
    if (described === undefined) return [];
    const [action, attributes = {}] = described;
    const { seconds, nanoseconds } = event.time ?? {};
    return {
      timeMs: (seconds ?? 0) * 1000 + (nanoseconds ?? 0) / 1e6,
      action,
      id: record.id,
      name: record.name,
      image: record.image,
      attributes: { ...record.settings?.labels, ...attributes },
      guest: { run: record.started ?? "", sequence: event.sequence ?? 0 },
    };
  });
}

type Description = readonly [action: string, attributes?: Record<string, string>];

const HEALTH = ["starting", "healthy", "unhealthy"] as const;

function describeEvent(event: Event, commands: ReadonlyMap<string, string>): Description | undefined {
  const execId = event.sessionId ?? "";
  if (execId !== "") return describeExecEvent(event, execId, commands.get(execId) ?? "");
  if (event.started) return ["start"];
  if (event.exited) return ["die", { exitCode: String(exitStatus(toExit(event.exited))) }];
  if (event.failed) return ["die", { exitCode: "127", error: event.failed.error?.message ?? "" }];
  if (event.outOfMemory) return ["oom"];
  if (event.health) return [`health_status: ${HEALTH[event.health.status ?? 0] ?? "starting"}`];
  if (event.resized)
    return ["resize", { height: String(event.resized.rows ?? 0), width: String(event.resized.columns ?? 0) }];
  if (event.paused) return ["pause"];
  if (event.unpaused) return ["unpause"];
  if (event.signalled) return ["kill", { signal: String(event.signalled.signal ?? 0) }];
  if (event.agentRestarted) return ["agent_restart", describeRestart(event.agentRestarted)];
  if (event.fileSystemFailed) return ["file_system_error", describeFileSystemError(event.fileSystemFailed)];
  return undefined;
}

function describeFileSystemError({
  volumes = [],
  error,
  place,
  count,
}: NonNullable<Event["fileSystemFailed"]>): Record<string, string> {
  return {
    ...(volumes?.length ? { volume: volumes.join(",") } : {}),
    error: error ?? "",
    ...(place ? { function: place } : {}),
    errors: String(count ?? 0),
  };
}

function describeRestart({
  reason,
  agentVersion,
}: NonNullable<Event["agentRestarted"]>): Record<string, string> {
  return { reason: reason ?? "", agentVersion: agentVersion ?? "" };
}

function describeExecEvent(event: Event, execID: string, command: string): Description | undefined {
  if (event.execCreated) return [`exec_create: ${command}`, { execID }];
  if (event.started) return [`exec_start: ${command}`, { execID }];
  if (event.exited) return ["exec_die", { execID, exitCode: String(exitStatus(toExit(event.exited))) }];
  return undefined;
}

function commandLine({ execCreated }: Event): string {
  return (execCreated?.args ?? []).map((arg) => Buffer.from(arg).toString("utf8")).join(" ");
}

function isMain({ sessionId }: Event): boolean {
  return (sessionId ?? "") === "";
}
