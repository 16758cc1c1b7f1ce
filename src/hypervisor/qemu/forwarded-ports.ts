import type { MachineForward } from "../machine-interface.ts";
import type { QmpClient } from "./qmp-client.ts";

/** `Hub -1 (NETDEV):`, then a line for each socket (net/slirp.c, libslirp's slirp_connection_info). */
const NETWORK = /^Hub .*\((?<id>[^)]+)\):/;
const FORWARD =
  /^\s*(?<protocol>TCP|UDP)\[HOST_FORWARD\]\s+\d+\s+(?<host>\S+)\s+(?<hostPort>\d+)\s+\S+\s+(?<guestPort>\d+)\s/;

/** What is forwarded in the networks of QEMU's own; only its monitor for humans tells. */
export async function readForwards(qmp: QmpClient): Promise<MachineForward[]> {
  const text = await qmp.execute("human-monitor-command", { "command-line": "info usernet" });
  return parseForwards(String(text));
}

/** @param text QEMU's answer to `info usernet`. */
export function parseForwards(text: string): MachineForward[] {
  let id = "";
  return text.split(/\r?\n/).flatMap((line) => {
    id = NETWORK.exec(line)?.groups?.["id"] ?? id;
    const { protocol, host = "", hostPort, guestPort } = FORWARD.exec(line)?.groups ?? {};
    if (protocol === undefined) return [];
    const hostAddress = host === "*" ? "" : host;
    return [
      {
        id,
        protocol: protocol === "TCP" ? ("tcp" as const) : ("udp" as const),
        ...{ hostAddress, hostPort: Number(hostPort), guestPort: Number(guestPort) },
      },
    ];
  });
}
