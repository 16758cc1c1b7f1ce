import type { AppliedInterface } from "./network.ts";
import type { RouterDnsEntry } from "./router-dns.ts";

/** What an agent that takes over has to know of the network. */
export interface SavedNetwork {
  readonly applied: ReadonlyArray<readonly [name: string, applied: AppliedInterface]>;
  /** The DHCP client's process. */
  readonly clientPid: number | undefined;
  readonly routerDns: readonly RouterDnsEntry[];
}
