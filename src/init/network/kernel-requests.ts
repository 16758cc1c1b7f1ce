import { getSystemErrorMessage, getSystemErrorName } from "node:util";
import { TetherError } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import type { LinkRequest } from "./link-state.ts";
import {
  decodeAnswers,
  encodeMessages,
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  type NetlinkMessage,
  type NetlinkRefusal,
  refusalsOf,
} from "./netlink.ts";

/** A request about one vNIC. */
export interface NamedRequest extends LinkRequest {
  /** The vNIC's name. */
  readonly name: string;
}

/**
 * Makes all requests about links at once; what fails keeps none of the others from being carried out.
 *
 * @throws TetherError `network-failed` with the first that failed.
 */
export function requestLinks(system: System, requests: readonly NamedRequest[]): void {
  if (requests.length === 0) return;
  const messages = encodeMessages(requests.map(({ message }) => message));
  for (const refusal of refusalsOf(decodeAnswers(system.netlink(NETLINK_ROUTE, messages)))) {
    const refused = requests[refusal.index];
    if (refused?.tolerates.includes(getSystemErrorName(-refusal.errno)) === true) continue;
    throw new TetherError(
      "network-failed",
      `${refused?.name ?? "a vNIC"}: ${refused?.what ?? "a request"}: ${explain(refusal)}`,
    );
  }
}

/**
 * Carries out a transaction of nf_tables.
 *
 * @throws TetherError `firewall-failed`; the rules are as before then.
 */
export function requestFirewall(system: System, messages: readonly NetlinkMessage[]): void {
  let refusals: NetlinkRefusal[];
  try {
    refusals = refusalsOf(decodeAnswers(system.netlink(NETLINK_NETFILTER, encodeMessages(messages))));
  } catch (error) {
    throw TetherError.from(error, "firewall-failed", "the firewall's rules");
  }
  const [refusal] = refusals;
  if (refusal !== undefined)
    throw new TetherError("firewall-failed", `the kernel refuses the firewall's rules: ${explain(refusal)}`);
}

function explain({ errno, explanation }: NetlinkRefusal): string {
  return explanation === "" ? getSystemErrorMessage(-errno) : explanation;
}
