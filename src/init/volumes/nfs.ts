import { isIPv6 } from "node:net";
import type { NfsSource } from "./configuration.ts";

/** What mount(2) is given for a folder of an NFS server's. */
export interface NfsMount {
  readonly type: "nfs" | "nfs4";
  readonly device: string;
  readonly data: string;
}

/**
 * Options that mount.nfs(8) keeps for itself: the kernel knows none of them. `bg` and `retry` say how often the program
 * tries; the volume's timeout_ms does that here.
 */
const OF_THE_PROGRAM = /^(bg|fg|retry=.*|_netdev|auto|noauto|defaults|users?|nousers?)$/;

/**
 * As mount.nfs(8) asks the kernel (nfs(5)): the server's address, the version, and for version 3 no locks across
 * machines, for which a second server in the guest (rpc.statd) would be needed.
 *
 * @param address of the server.
 */
export function nfsMount({ host, path, options }: NfsSource, address: string): NfsMount {
  const kept = options.filter((option) => !OF_THE_PROGRAM.test(option));
  const version = kept.find((option) => /^(nfs)?vers=/.test(option))?.split("=")[1] ?? "4.2";
  const isThird = version.startsWith("3");
  const rest = kept.filter((option) => !/^(nfs)?vers=/.test(option));
  const has = (name: string): boolean =>
    rest.some((option) => option === name || option.startsWith(`${name}=`));
  const data = [
    `vers=${version}`,
    `addr=${address}`,
    ...(isThird && !has("nolock") && !has("lock") ? ["nolock"] : []),
    ...(isThird && !has("mountaddr") ? [`mountaddr=${address}`] : []),
    ...(has("proto") ? [] : [`proto=${isIPv6(address) ? "tcp6" : "tcp"}`]),
    ...(isThird && !has("mountproto") ? [`mountproto=${isIPv6(address) ? "tcp6" : "tcp"}`] : []),
    // The server calls nobody back here; a delegation needs it.
    ...(isThird || has("clientaddr") ? [] : [`clientaddr=${isIPv6(address) ? "::" : "0.0.0.0"}`]),
    ...rest,
  ];
  const name = isIPv6(host) ? `[${host}]` : host;
  return { type: isThird ? "nfs" : "nfs4", device: `${name}:${path}`, data: data.join(",") };
}
