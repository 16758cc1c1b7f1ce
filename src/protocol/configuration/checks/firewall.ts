import { tether } from "../../generated/config.js";
import type { Problems } from "../problems.ts";
import { checkNetwork } from "./addresses.ts";
import { bounded, checkEnum } from "./text.ts";

const { Trust } = tether.config.Firewall;
const { Protocol } = tether.config.PublishedPort;

const MOST_POOLS = 256;
const MOST_PORTS = 256;
const LAST_PORT = 65_535;

/** The message Firewall. */
export function checkFirewall(
  firewall: tether.config.Firewall.$Properties | null | undefined,
  problems: Problems,
): void {
  checkEnum(firewall?.trust, Trust, problems.at("trust"));
  const pools = problems.at("pools");
  for (const [index, pool] of bounded(firewall?.pools, MOST_POOLS, pools).entries())
    checkNetwork(pool, pools.at(index));
  const ports = problems.at("ports");
  const ranges: Range[] = [];
  for (const [index, port] of bounded(firewall?.ports, MOST_PORTS, ports).entries()) {
    const range = checkPort(port, ports.at(index));
    if (range === undefined) continue;
    const other = ranges.findIndex((each) => overlaps(each, range));
    if (other >= 0) ports.at(index).at("port").add(`overlaps ports[${ranges[other]?.index}]`);
    ranges.push({ ...range, index });
  }
}

interface Range {
  readonly protocol: number;
  readonly first: number;
  readonly last: number;
  readonly index: number;
}

/** @returns what it publishes, when that can be said. */
function checkPort(
  published: tether.config.PublishedPort.$Properties,
  problems: Problems,
): Range | undefined {
  const protocol = published.protocol ?? 0;
  checkEnum(protocol, Protocol, problems.at("protocol"));
  const first = published.port ?? 0;
  const count = published.count || 1;
  if (first < 1 || first > LAST_PORT) {
    problems.at("port").add(`is ${first}, not 1 to ${LAST_PORT}`);
    return undefined;
  }
  const target = published.targetPort || first;
  if (target > LAST_PORT) {
    problems.at("target_port").add(`is ${target}, not 1 to ${LAST_PORT}`);
    return undefined;
  }
  if (Math.max(first, target) + count - 1 > LAST_PORT) {
    problems.at("count").add(`is ${count}: the range ends behind port ${LAST_PORT}`);
    return undefined;
  }
  return { protocol, first, last: first + count - 1, index: 0 };
}

function overlaps(one: Range, other: Range): boolean {
  return one.protocol === other.protocol && one.first <= other.last && other.first <= one.last;
}
