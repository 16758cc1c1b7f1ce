import { networkInterfaces } from "node:os";

/** A container has a few; each vNIC is one key. */
const MOST_INTERFACES = 32;
const MOST_ADDRESSES = 16;

/** The addresses of each vNIC that is up, with their prefix lengths; without the loopback. */
export function machineAddresses(): Record<string, string[]> {
  const addresses: Record<string, string[]> = {};
  for (const [name, entries = []] of Object.entries(networkInterfaces()).slice(0, MOST_INTERFACES)) {
    const outer = entries.filter(({ internal }) => !internal).map(({ address, cidr }) => cidr ?? address);
    if (outer.length > 0) addresses[name] = outer.slice(0, MOST_ADDRESSES);
  }
  return addresses;
}
