import { exitStatus } from "./container-record.ts";
import type { KnownContainer } from "./core.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { listedMounts } from "./inspection.ts";
import { networkNames } from "../networking/index.ts";

type Predicate = (container: KnownContainer, value: string, all: readonly KnownContainer[]) => boolean;

/** Docker's filters of `ps`. Several of one name are alternatives, different names all count. */
const FILTERS: Readonly<Record<string, Predicate>> = {
  id: ({ record }, value) => record.id.startsWith(value),
  name: ({ record }, value) => isMatch(record.name, value),
  status: ({ state }, value) => state.status === value,
  exited: ({ state }, value) => state.exit !== undefined && String(exitStatus(state.exit)) === value,
  ancestor: ({ record }, value) => record.image === value || record.imageDigest === value,
  health: ({ state }, value) => (state.health ?? "none") === value,
  label: ({ record }, value) => hasLabel(record.settings?.labels ?? {}, value),
  network: ({ record }, value) => namesOfNetworks(record).includes(value),
  volume: ({ record }, value) =>
    listedMounts(record.settings).some(
      (mount) =>
        mount.target === value ||
        (mount.kind === "volume" && mount.name === value) ||
        (mount.kind === "bind" && mount.source === value),
    ),
  publish: ({ record }, value) => ports(record).some(({ port, protocol }) => fits(value, port, protocol)),
  expose: ({ record }, value) =>
    ports(record).some(({ targetPort, protocol }) => fits(value, targetPort, protocol)),
  // There are no tasks: those are a swarm's.
  "is-task": (_container, value) => value === "false",
  before: ({ record }, value, all) => record.created < createdOf(value, all),
  since: ({ record }, value, all) => record.created > createdOf(value, all),
};

/**
 * Makes one predicate of `--filter` options.
 *
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function makeFilter(
  filters: readonly string[],
  all: readonly KnownContainer[],
): (container: KnownContainer) => boolean {
  const values = new Map<string, string[]>();
  for (const filter of filters) {
    const at = filter.indexOf("=");
    const name = filter.slice(0, Math.max(0, at));
    if (at < 0) throw new TetherError("invalid-option", "bad format of filter (expected name=value)");
    if (!Object.hasOwn(FILTERS, name)) throw new TetherError("invalid-option", `Invalid filter '${name}'`);
    const value = filter.slice(at + 1);
    const refusal = REFUSED[name]?.(value);
    if (refusal !== undefined) throw new TetherError("invalid-option", refusal);
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return (container) =>
    [...values].every(([name, wanted]) =>
      // All labels have to be there, as with Docker.
      name === "label"
        ? wanted.every((value) => FILTERS["label"]?.(container, value, all))
        : wanted.some((value) => FILTERS[name]?.(container, value, all)),
    );
}

/** Values that Docker refuses, in its words. */
const REFUSED: Readonly<Record<string, (value: string) => string | undefined>> = {
  status: (value) => (STATUSES.has(value) ? undefined : `Invalid filter 'status=${value}'`),
  health: (value) => (HEALTHS.has(value) ? undefined : `Unrecognised filter value for health: ${value}`),
  exited: (value) =>
    /^[+-]?\d+$/.test(value) ? undefined : `strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`,
  "is-task": (value) => (/^(true|false)$/.test(value) ? undefined : `Invalid filter 'is-task=${value}'`),
  publish: checkPort,
  expose: checkPort,
};

const STATUSES: ReadonlySet<string> = new Set([
  ...["created", "running", "paused", "restarting", "removing", "exited", "dead"],
]);

const HEALTHS: ReadonlySet<string> = new Set(["none", "starting", "healthy", "unhealthy"]);

const PORT = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/;

function checkPort(value: string): string | undefined {
  return PORT.test(value) ? undefined : `Invalid port: ${value}`;
}

/** Whether a port is among `80`, `80/udp`, `80-90`; tcp unless it is said. */
function fits(value: string, port: number, protocol: string): boolean {
  const [, first = "", last = first, wanted = "tcp"] = PORT.exec(value) ?? [];
  return wanted === protocol && port >= Number(first) && port <= Number(last);
}

/** Each port by itself. */
function ports({ settings }: KnownContainer["record"]) {
  return (settings?.interfaces ?? []).flatMap((vnic) =>
    vnic.ports.flatMap(({ port, targetPort, protocol, count }) =>
      Array.from({ length: count }, (_, offset) => ({
        port: port + offset,
        targetPort: targetPort + offset,
        protocol,
      })),
    ),
  );
}

function namesOfNetworks({ settings }: KnownContainer["record"]): string[] {
  const names = networkNames(settings?.interfaces ?? []);
  return names.length === 0 ? ["none"] : names;
}

/** Docker takes a name for a regular expression, with or without the `/` of its API. */
function isMatch(name: string, pattern: string): boolean {
  try {
    const expression = new RegExp(pattern);
    return expression.test(name) || expression.test(`/${name}`);
  } catch {
    // What is no expression can still be a part of a name.
    return name.includes(pattern);
  }
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf("=");
  return at < 0
    ? Object.hasOwn(labels, wanted)
    : Object.hasOwn(labels, wanted.slice(0, at)) && labels[wanted.slice(0, at)] === wanted.slice(at + 1);
}

function createdOf(reference: string, all: readonly KnownContainer[]): string {
  const found = all.find(({ record }) => record.name === reference || record.id.startsWith(reference));
  if (found === undefined) throw new TetherError("no-such-container", `No such container: ${reference}`);
  return found.record.created;
}
