import type { MachineInterface } from "../machine-interface.ts";

/** Locally administered (IEEE 802); the card of a machine that goes on has its own as soon as its driver resets it. */
const MAC = "02:00:00:00:00:00";

/**
 * The vNICs that a machine's template has in the same places, without a cable and without an address of anybody's: to
 * plug one into a machine that goes on costs its guest 200 ms under TCG, to take over one that is there a tenth.
 *
 * The first one only, for most machines have no more and each number would be a template of its own; and only of the
 * kind that the template's guest gives back before it stops (src/init/interface-drivers.ts).
 */
export function templateInterfaces(interfaces: readonly MachineInterface[]): readonly MachineInterface[] {
  return interfaces[0]?.model === "virtio-net"
    ? [{ id: "template", mac: MAC, model: "virtio-net", backend: { kind: "none" } }]
    : [];
}
