import type { HostNames, Resolver } from "../name-files.ts";
import type { NetworkConfiguration } from "./configuration.ts";
import type { Lease } from "./lease.ts";

/** What the vNICs bring to /etc/hosts and /etc/resolv.conf. */
export interface NetworkNames {
  readonly own: readonly HostNames[];
  readonly resolver: Resolver;
}

/** @param leases of a vNIC by its name. */
export function networkNames(
  { interfaces, resolver }: NetworkConfiguration,
  leases: (name: string) => readonly Lease[],
): NetworkNames {
  const bring = interfaces.map((vnic) => ({ vnic, leases: leases(vnic.name) }));
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
      nameservers: unique([...resolvers, ...leased].flatMap(({ nameservers }) => nameservers)),
      search: unique([...resolvers, ...leased].flatMap(({ search }) => search)),
      options: unique(resolvers.flatMap(({ options }) => options)),
    },
  };
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
