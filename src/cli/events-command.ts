import type { Command } from "commander";
import { type ContainerEvent, makeEventFilter, toDockersEvent } from "../portlayer/execution/index.ts";
import type { Context } from "./context.ts";
import { fillTemplate } from "./go-template.ts";
import { watchOutputs } from "./output-errors.ts";
import { parseTime } from "./parse-time.ts";
import { collect } from "./run-options.ts";

interface EventsOptions {
  readonly since?: string;
  readonly until?: string;
  readonly filter: readonly string[];
  readonly format?: string;
}

/** Adds `vch events`. */
export function addEventsCommand(program: Command, context: Context): void {
  program
    .command("events")
    .description("Show what happens to container VMs")
    .option("--since <time>", "also what has happened since: a time, seconds since 1970, or 10m ago")
    .option("--until <time>", "and end there")
    .option("-f, --filter <name=value>", "container, event, image, label, type", collect, [])
    .option("--format <template>", "json, or a Go template")
    .action(async ({ since, until, filter, format }: EventsOptions) => {
      const isWanted = makeEventFilter(filter);
      const stop = new AbortController();
      using _outputs = watchOutputs((reason) => stop.abort(reason));
      const range = {
        sinceMs: since === undefined ? undefined : parseTime(since),
        untilMs: until === undefined ? undefined : parseTime(until),
        signal: stop.signal,
      };
      for await (const event of context.openExecution().events(range))
        if (isWanted(event)) process.stdout.write(`${describe(event, format)}\n`);
    });
}

function describe(event: ContainerEvent, format: string | undefined): string {
  if (format === undefined) return describeAsText(event);
  const object = toDockersEvent(event);
  return format === "json" ? JSON.stringify(object) : fillTemplate(format, object);
}

function describeAsText({ timeMs, action, id, name, image, attributes, subject }: ContainerEvent): string {
  const own = subject === undefined ? { image, name } : {};
  const all = Object.entries({ ...attributes, ...own }).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = all.map(([key, value]) => `${key}=${value}`).join(", ");
  return printable(`${describeTime(timeMs)} ${subject ?? "container"} ${action} ${id} (${text})`);
}

/** RFC 3339 with nanoseconds, in local time as Docker has it. */
function describeTime(timeMs: number): string {
  const date = new Date(timeMs);
  const offset = -date.getTimezoneOffset();
  const local = new Date(timeMs + offset * 60_000).toISOString().slice(0, -1);
  const fraction = String(Math.round((timeMs % 1) * 1e6))
    .padStart(6, "0")
    .slice(0, 6);
  const pad = (value: number): string => String(Math.abs(value)).padStart(2, "0");
  return `${local}${fraction}${offset < 0 ? "-" : "+"}${pad(Math.trunc(offset / 60))}:${pad(offset % 60)}`;
}

/** Parts of it come from guests, and go to a user's terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, " ");
}
