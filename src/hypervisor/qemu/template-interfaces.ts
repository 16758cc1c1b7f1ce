import type { MachineInterface } from "../machine-interface.ts";

/** Locally administered (IEEE 802); a card of a machine that goes on has its own as soon as its driver resets it. */
const MAC_PREFIX = "02:00:00:00:00:";

/**
 * The vNICs that a machine's template has in the same places, without a cable and without an address of anybody's: to
 * plug one into a machine that goes on costs its guest far more under TCG than to take over one that is there.
 *
 * Those at the beginning that are of the kind that the template's guest gives back before it stops
 * (src/init/interface-drivers.ts); what comes behind another kind is plugged.
 */
export function templateInterfaces(interfaces: readonly MachineInterface[]): readonly MachineInterface[] {
  const others = interfaces.findIndex(({ model }) => model !== "virtio-net");
  return interfaces.slice(0, others < 0 ? interfaces.length : others).map((_, index) => ({
    id: `template${index}`,
    mac: `${MAC_PREFIX}${index.toString(16).padStart(2, "0")}`,
    model: "virtio-net",
    backend: { kind: "none" },
  }));
}
