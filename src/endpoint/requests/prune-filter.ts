import { parseLogTime } from "../../portlayer/interaction/log/index.ts";
import { ApiError } from "../http/api-error.ts";

/** What prune's filters look at. */
export interface Prunable {
  /** RFC 3339. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Docker's filters of pruning: `until` (made before), `label` and `label!`; all of them have to fit.
 *
 * @throws ApiError 400 in dockerd's words; TetherError `invalid-option` for a time that is none.
 */
export function makePruneFilter(filters: readonly string[]): (candidate: Prunable) => boolean {
  const tests = filters.map((filter) => {
    const at = filter.indexOf("=");
    const [name, value] = [filter.slice(0, at), filter.slice(at + 1)];
    return makeTest(name, value);
  });
  if (filters.filter((filter) => filter.startsWith("until=")).length > 1)
    throw new ApiError(400, "more than one until filter specified");
  return (candidate) => tests.every((test) => test(candidate));
}

function makeTest(name: string, value: string): (candidate: Prunable) => boolean {
  switch (name) {
    case "label":
      return ({ labels }) => hasLabel(labels, value);
    case "label!":
      return ({ labels }) => !hasLabel(labels, value);
    case "until": {
      const { seconds, nanoseconds } = parseLogTime("until", value);
      const limitMs = seconds * 1000 + nanoseconds / 1e6;
      return ({ created }) => Date.parse(created) < limitMs;
    }
    default:
      throw new ApiError(400, `invalid filter '${name}'`);
  }
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf("=");
  if (at < 0) return Object.hasOwn(labels, wanted);
  return Object.hasOwn(labels, wanted.slice(0, at)) && labels[wanted.slice(0, at)] === wanted.slice(at + 1);
}
