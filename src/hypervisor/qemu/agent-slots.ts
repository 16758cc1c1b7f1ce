import type { Hardware } from "../driver.ts";

/**
 * The places in a machine for the disks of newer agent images: a running agent's, and the one that is to take over.
 * PCI Express can plug behind a root port only; on the SCSI bus, which the vmware hardware has anyway, nothing needs to be
 * there beforehand.
 */
export const AGENT_SLOTS = [0, 1] as const;

/** One of {@link AGENT_SLOTS}. */
export type AgentSlot = (typeof AGENT_SLOTS)[number];

/** QEMU's name of a slot's root port. */
const portName = (slot: AgentSlot): string => `agent-slot-${slot}`;

/** The devices that a machine needs from its start on, as QEMU's `-device` takes them. */
export const AGENT_SLOT_DEVICES: Readonly<Record<Hardware, readonly string[]>> = {
  // Its driver is in the kernel anyway. No I/O ports: a virtio disk has none there.
  virtio: AGENT_SLOTS.map((slot) => `pcie-root-port,id=${portName(slot)},chassis=${slot + 1},io-reserve=0`),
  vmware: [],
};

/** The device that a disk in a slot is, as QEMU's `device_add` takes it. */
export function agentDiskDevice(hardware: Hardware, slot: AgentSlot): Readonly<Record<string, unknown>> {
  return hardware === "vmware"
    ? { driver: "scsi-hd", bus: "scsi.0" }
    : { driver: "virtio-blk-pci", bus: portName(slot) };
}
