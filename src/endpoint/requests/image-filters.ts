import { ApiError } from "../http/api-error.ts";

/** The filters of a request by their names: several of one name are alternatives, or all count. */
export class ImageFilters {
  readonly #values = new Map<string, string[]>();

  /**
   * @param filters `name=value` each.
   * @param known the names that there are.
   * @throws ApiError 400 in dockerd's words.
   */
  constructor(filters: readonly string[], known: readonly string[]) {
    for (const filter of filters) {
      const at = filter.indexOf("=");
      const name = filter.slice(0, at);
      if (!known.includes(name)) throw new ApiError(400, `Invalid filter '${name}'`);
      this.#values.set(name, [...this.all(name), filter.slice(at + 1)]);
    }
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** Undefined when it is not there. @throws ApiError 400 in dockerd's words. */
  flag(name: string): boolean | undefined {
    const values = this.all(name);
    if (values.length === 0) return undefined;
    if (values.every((value) => ["1", "true"].includes(value))) return true;
    if (values.every((value) => ["0", "false"].includes(value))) return false;
    throw new ApiError(400, `Invalid filter '${name}=${JSON.stringify(values)}'`);
  }

  /** Whether the labels have all that `label` wants, and nothing that `label!` does not. */
  fitsLabels(labels: Readonly<Record<string, string>>): boolean {
    return (
      this.all("label").every((wanted) => hasLabel(labels, wanted)) &&
      !this.all("label!").some((unwanted) => hasLabel(labels, unwanted))
    );
  }
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const [name = "", ...value] = wanted.split("=");
  return Object.hasOwn(labels, name) && (value.length === 0 || labels[name] === value.join("="));
}

/** Go's path.Match: `*` and `?` stop at a slash, `[a-z]` is one of them. */
export function matchesPattern(pattern: string, text: string): boolean {
  const source = pattern.replaceAll(/\\(.)|\[\^?[^\]]+\]|[*?]|[.+^${}()|[\]\\]/g, (found, escaped) => {
    if (found === "*") return "[^/]*";
    if (found === "?") return "[^/]";
    if (found.length > 2) return found;
    return `\\${escaped ?? found}`;
  });
  try {
    return new RegExp(`^${source}$`, "s").test(text);
  } catch {
    throw new ApiError(400, `syntax error in pattern: ${pattern}`);
  }
}

const DURATION = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/;
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's time.Duration (`1h30m`) in milliseconds; undefined for what is none. */
export function parseGoDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!DURATION.test(text)) return undefined;
  return [...text.matchAll(/([\d.]+)([a-zµ]+)/g)].reduce(
    (sum, [, number, unit = ""]) => sum + Number(number) * (UNIT_MS[unit] ?? 0),
    0,
  );
}

/**
 * Docker's `until`: a duration back from now, seconds since 1970, or a time of RFC 3339, which may be a date alone.
 *
 * @returns milliseconds since 1970.
 * @throws ApiError 400.
 */
export function parseUntil(text: string, nowMs: number): number {
  const duration = parseGoDuration(text);
  if (duration !== undefined && text !== "0") return nowMs - duration;
  if (/^\d{1,12}(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const time = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(time)) throw new ApiError(400, `until: ${JSON.stringify(text)} is no time`);
  return time;
}
