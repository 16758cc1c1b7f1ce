import { isIPv4 } from "node:net";
import { TetherError } from "../../protocol/errors/index.ts";
import type { PortSettings } from "./interface-settings.ts";

/** What `-p` says; a port of this machine that is left open is undefined. */
export interface Publication extends Omit<PortSettings, "port"> {
  readonly port: number | undefined;
}

const PROTOCOLS = ["tcp", "udp", "sctp"] as const;

/**
 * Docker's `-p [[IP:]PORT:]TARGET[/PROTOCOL]`, where ports may be ranges of one length.
 *
 * @throws TetherError `invalid-option`.
 */
export function parsePublication(text: string): Publication {
  const [ports = "", protocolName = "tcp", ...rest] = text.split("/");
  const protocol = PROTOCOLS.find((each) => each === protocolName.toLowerCase());
  const parts = ports.split(":");
  if (protocol === undefined || rest.length > 0 || parts.length > 3)
    throw invalid(text, "Invalid proto or format");
  const target = parseRange(text, parts.at(-1) ?? "");
  // Docker's clients say 0 for a port that is left open.
  const isOpen = parts.length === 1 || ["", "0"].includes(parts.at(-2) ?? "");
  const asked = isOpen ? undefined : parseRange(text, parts.at(-2) ?? "");
  const hostAddress = parts.length === 3 ? (parts[0] ?? "") : "";
  if (hostAddress !== "" && !isIPv4(hostAddress)) throw invalid(text, `${hostAddress} is no IPv4 address`);
  if (asked !== undefined && asked.count !== target.count)
    throw invalid(text, "the two ranges are not of the same length");
  return { protocol, hostAddress, port: asked?.first, targetPort: target.first, count: target.count };
}

function parseRange(text: string, range: string): { readonly first: number; readonly count: number } {
  const [, first = "", last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === "" || from < 1 || to > 65_535 || to < from)
    throw invalid(text, `Invalid containerPort: ${range}`);
  return { first: from, count: to - from + 1 };
}

function invalid(text: string, reason: string): TetherError {
  return new TetherError("invalid-option", `invalid publish opt format (${text}): ${reason}`);
}
