import type { tether } from "../../generated/config.js";
import type { Problems } from "../problems.ts";
import type { KnownNetworks } from "./address-plan.ts";
import { checkNetwork, type Family, isHost, parseAddress } from "./addresses.ts";
import { bounded, quote, Seen } from "./text.ts";

const MOST_ROUTES = 256;

/** The default gateways and routes of one vNIC. */
export function checkRoutes(
  each: tether.config.NetworkInterface.$Properties,
  known: KnownNetworks,
  problems: Problems,
): void {
  const seen = new Seen<string>();
  const metric = each.metric ?? 0;
  for (const family of [4, 6] as const) {
    const field = `gateway${family}`;
    const gateway = (family === 4 ? each.gateway4 : each.gateway6) ?? "";
    if (gateway === "") continue;
    checkGateway(gateway, family, known, problems.at(field));
    seen.check(`${family} 0/0 ${metric}`, `the default route by ${field}`, problems.at(field));
  }
  const at = problems.at("routes");
  for (const [index, route] of bounded(each.routes, MOST_ROUTES, at).entries()) {
    const destination = checkNetwork(route.destination ?? "", at.at(index).at("destination"));
    if (destination === undefined) continue;
    const { family, value, length } = destination;
    if (route.gateway) checkGateway(route.gateway, family, known, at.at(index).at("gateway"));
    const key = `${family} ${value}/${length} ${route.metric || metric}`;
    seen.check(key, `routes[${index}].destination with this metric`, at.at(index).at("destination"));
  }
}

function checkGateway(text: string, family: Family, known: KnownNetworks, problems: Problems): void {
  const gateway = parseAddress(text);
  if (gateway?.family !== family || !isHost(gateway))
    problems.add(`${quote(text)} is no IPv${family} address of a gateway`);
  else if (known.addresses.some((own) => own.family === family && own.value === gateway.value))
    problems.add(`${quote(text)} is the vNIC's own address`);
  else if (!known.isOnLink(gateway))
    problems.add(`${quote(text)} is in no network of this vNIC and on no route without a gateway`);
}
