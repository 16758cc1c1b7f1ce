import type { HostNames, Resolver } from "../name-files.ts";
import type { InterfaceConfiguration, NetworkConfiguration } from "./configuration.ts";
import type { Lease } from "./lease.ts";

/** What the vNICs bring to /etc/hosts and /etc/resolv.conf. */
export interface NetworkNames {
  readonly own: readonly HostNames[];
  readonly resolver: Resolver;
}

/** What has come to a vNIC by itself. */
export type Brought = Pick<Lease, "addresses"> & Partial<Pick<Lease, "nameservers" | "search">>;

/** @param brought what has come to a vNIC. */
export function networkNames(
  { interfaces, resolver }: NetworkConfiguration,
  brought: (vnic: InterfaceConfiguration) => readonly Brought[],
): NetworkNames {
  const bring = interfaces.map((vnic) => ({ vnic, leases: brought(vnic) }));
  const own = bring.flatMap(({ vnic, leases: each }) =>
    [...vnic.addresses, ...each.flatMap(({ addresses }) => addresses)].map((address) => ({
      address: address.replace(/\/.*$/, ""),
      names: vnic.aliases,
    })),
  );
  const resolvers = [resolver, ...interfaces.map((vnic) => vnic.resolver)];
  const leased = bring.flatMap((each) => each.leases);
  return {
    own,
    resolver: {
      nameservers: unique([...resolvers, ...leased].flatMap(({ nameservers }) => nameservers ?? [])),
      search: unique([...resolvers, ...leased].flatMap(({ search }) => search ?? [])),
      options: unique(resolvers.flatMap(({ options }) => options)),
    },
  };
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
