import { BlockList, isIP } from "node:net";
import { TetherError } from "../../protocol/errors/index.ts";

/** Where metrics are served. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8);
LOOPBACK.addAddress("::1", "ipv6");

/**
 * Parses `ADDRESS:PORT`: an IPv4 address, an IPv6 one in brackets, or `localhost`. Port 0 takes a free one.
 *
 * @param isRemoteAllowed whether others than this machine may be served: metrics are neither secret nor harmless, and
 *   nobody is asked who he is.
 * @throws TetherError `invalid-option`.
 */
export function parseListenAddress(text: string, isRemoteAllowed: boolean): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = Number(match?.[3] ?? Number.NaN);
  const family = isIP(host);
  const isBracketed = match?.[1] !== undefined;
  const isHost = host === "localhost" || (isBracketed ? family === 6 : family === 4);
  if (!isHost || !(port <= 65_535))
    throw new TetherError(
      "invalid-option",
      `--listen ${text}: it must be ADDRESS:PORT, as 127.0.0.1:9323 or [::1]:9323`,
    );
  const isLocal = host === "localhost" || LOOPBACK.check(host, family === 6 ? "ipv6" : "ipv4");
  if (!isLocal && !isRemoteAllowed)
    throw new TetherError(
      "invalid-option",
      `--listen ${text} is reached from other machines, and nobody is asked who he is: add --allow-remote if that is meant`,
    );
  return { host, port };
}
