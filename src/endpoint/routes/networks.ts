import { createHash } from "node:crypto";
import { ApiError, notBuilt } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Route } from "../http/router.ts";

/** The networks that there are without anybody's making them, by Docker's names and drivers. */
const DEFAULT_NETWORKS = [
  { name: "bridge", driver: "bridge" },
  { name: "none", driver: "null" },
].map(({ name, driver }) => ({ name, driver, id: createHash("sha256").update(name).digest("hex") }));

type DefaultNetwork = (typeof DEFAULT_NETWORKS)[number];

/** The default networks; those of users' are not built yet. */
export function networkRoutes(): Route[] {
  return [
    { method: "GET", path: "/networks", answer: list },
    {
      method: "GET",
      path: "/networks/{id}",
      answer: (exchange) => exchange.json(200, describe(find(exchange.parameter("id")))),
    },
  ];
}

function list(exchange: Exchange): void {
  const pairs = exchange.query.filters().map((filter) => {
    const at = filter.indexOf("=");
    return { key: filter.slice(0, at), value: filter.slice(at + 1) };
  });
  const other = pairs.find(({ key }) => !["name", "id", "driver"].includes(key));
  if (other !== undefined) throw notBuilt(`the filter ${other.key} of networks`);
  const matches = (network: DefaultNetwork, key: string, value: string): boolean =>
    key === "driver"
      ? network.driver === value
      : key === "id"
        ? network.id.startsWith(value)
        : network.name.includes(value);
  const isWanted = (network: DefaultNetwork): boolean =>
    ["name", "id", "driver"].every((key) => {
      const wanted = pairs.filter((pair) => pair.key === key);
      return wanted.length === 0 || wanted.some(({ value }) => matches(network, key, value));
    });
  exchange.json(200, DEFAULT_NETWORKS.filter(isWanted).map(describe));
}

/** By name, id or the beginning of an id. @throws ApiError 404 in dockerd's words. */
function find(reference: string): DefaultNetwork {
  const found = DEFAULT_NETWORKS.find(({ name, id }) => name === reference || id.startsWith(reference));
  if (found === undefined) throw new ApiError(404, `network ${reference} not found`);
  return found;
}

function describe({ name, driver, id }: DefaultNetwork): object {
  return {
    Name: name,
    Id: id,
    Created: "0001-01-01T00:00:00Z",
    Scope: "local",
    Driver: driver,
    EnableIPv6: false,
    IPAM: { Driver: "default", Options: null, Config: [] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: {},
    Options: {},
    Labels: {},
  };
}
