import { exitStatus } from "./container-record.ts";
import type { KnownContainer } from "./core.ts";
import { TetherError } from "../../protocol/errors/index.ts";

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
    values.set(name, [...(values.get(name) ?? []), filter.slice(at + 1)]);
  }
  return (container) =>
    [...values].every(([name, wanted]) =>
      // All labels have to be there, as with Docker.
      name === "label"
        ? wanted.every((value) => FILTERS["label"]?.(container, value, all))
        : wanted.some((value) => FILTERS[name]?.(container, value, all)),
    );
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
