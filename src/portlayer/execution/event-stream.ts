import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Event } from "../../protocol/control-messages.ts";
import { type ContainerRecord, exitStatus } from "./container-record.ts";
import type { Core } from "./core.ts";
import type { ContainerEvent } from "./event-journal.ts";
import { readLogEvents } from "./guest-outcome.ts";
import { LOG } from "./machine-start.ts";
import { toExit } from "./run-events.ts";

/** What has happened is told this much later at most. */
const POLL_MS = 200;

/** Which events are wanted. */
export interface EventRange {
  /** Milliseconds since 1970; undefined for only what is new. */
  readonly sinceMs: number | undefined;
  /** Undefined for as long as the signal lets. */
  readonly untilMs: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * What happens to containers: first what is kept of the past, in order, then what is new. The host's doings come
 * from the journal, the guests' from their logs.
 */
export async function* streamEvents(core: Core, range: EventRange): AsyncGenerator<ContainerEvent> {
  const { sinceMs = Date.now(), untilMs = Number.POSITIVE_INFINITY, signal } = range;
  const newInJournal = core.journal.follow();
  const guests = new GuestEvents(core);
  const past = [...core.journal.read(), ...guests.next()];
  yield* past.filter(({ timeMs }) => timeMs >= sinceMs && timeMs <= untilMs).sort(byTime);
  while (!signal.aborted && Date.now() <= untilMs) {
    await delay(Math.min(POLL_MS, Math.max(1, untilMs - Date.now())), undefined, { signal }).catch(() => {
      // The caller has heard enough; the loop's condition tells.
    });
    yield* [...newInJournal(), ...guests.next()].filter(({ timeMs }) => timeMs <= untilMs).sort(byTime);
  }
}

function byTime(a: ContainerEvent, b: ContainerEvent): number {
  return a.timeMs - b.timeMs;
}

/** The guests' events, each told once. */
class GuestEvents {
  readonly #core: Core;
  /** How many events of each container's log have been told. */
  readonly #told = new Map<string, number>();

  constructor(core: Core) {
    this.#core = core;
  }

  next(): ContainerEvent[] {
    const { containers } = this.#core;
    return containers.list().flatMap((record) => {
      const events = readLogEvents(join(containers.folderOf(record.id), LOG));
      const told = this.#told.get(record.id) ?? 0;
      this.#told.set(record.id, events.length);
      return events.slice(told).flatMap((event, index) => {
        const translated = translateEvent(event, record, events.slice(0, told + index));
        return translated === undefined ? [] : [translated];
      });
    });
  }
}

/**
 * A guest's event in Docker's words.
 *
 * @param earlier the log's events before it.
 * @returns undefined for what Docker does not tell, or what the host tells itself.
 */
export function translateEvent(
  event: Event,
  record: ContainerRecord,
  earlier: readonly Event[] = [],
): ContainerEvent | undefined {
  const described = describeEvent(event, earlier);
  if (described === undefined) return undefined;
  const [action, attributes = {}] = described;
  const { seconds, nanoseconds } = event.time ?? {};
  return {
    timeMs: (seconds ?? 0) * 1000 + (nanoseconds ?? 0) / 1e6,
    action,
    id: record.id,
    name: record.name,
    image: record.image,
    attributes: { ...record.settings?.labels, ...attributes },
  };
}

const HEALTH = ["starting", "healthy", "unhealthy"] as const;

function describeEvent(
  event: Event,
  earlier: readonly Event[],
): readonly [string, Record<string, string>?] | undefined {
  const execId = event.sessionId ?? "";
  if (execId !== "") return describeExecEvent(event, execId, earlier);
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
  if (event.agentRestarted) return ["agent_restart", { reason: event.agentRestarted.reason ?? "" }];
  return undefined;
}

function describeExecEvent(
  event: Event,
  execID: string,
  earlier: readonly Event[],
): readonly [string, Record<string, string>] | undefined {
  if (event.execCreated) return [`exec_create: ${commandLine(event)}`, { execID }];
  if (event.started) {
    const created = earlier.findLast((each) => each.sessionId === execID && each.execCreated);
    return [`exec_start: ${created === undefined ? "" : commandLine(created)}`, { execID }];
  }
  if (event.exited) return ["exec_die", { execID, exitCode: String(exitStatus(toExit(event.exited))) }];
  if (event.failed) return ["exec_die", { execID, exitCode: "127" }];
  return undefined;
}

function commandLine({ execCreated }: Event): string {
  return (execCreated?.args ?? []).map((arg) => Buffer.from(arg).toString("utf8")).join(" ");
}
