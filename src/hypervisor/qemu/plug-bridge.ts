import type { Hardware } from "../driver.ts";

/**
 * The bus for whatever is plugged into a machine while it runs, or when it goes on from a template: a PCI bridge with 31
 * places, into which ACPI plugs (PCI Express can plug behind root ports only, one for each device).
 */
const BRIDGE = "plugged";

/** What a machine has from its start on. On i440FX the root bus takes what is plugged. */
export const PLUG_BRIDGE_DEVICES: Readonly<Record<Hardware, readonly string[]>> = {
  virtio: [`pcie-pci-bridge,id=${BRIDGE}`],
  vmware: [],
};

/** vNICs have the places from here on; those behind are the volumes'. */
const FIRST_INTERFACE_PLACE = 1;

/** The volumes' disks, or the controllers that these are on. */
export const FIRST_VOLUME_PLACE = 16;
export const LAST_VOLUME_PLACE = 31;

/** How many vNICs a machine can have. */
export const MOST_INTERFACES = 15;

/** On i440FX: behind what a machine has on its root bus. */
const FIRST_ROOT_PLACE = 16;

/** Where a vNIC is plugged: `bus` and `addr` of QEMU's devices. The same place is the same slot for the guest. */
export function interfacePlace(
  hardware: Hardware,
  index: number,
): { readonly bus: string; readonly addr: string } {
  return hardware === "vmware"
    ? { bus: "pci.0", addr: place(FIRST_ROOT_PLACE + index) }
    : { bus: BRIDGE, addr: place(FIRST_INTERFACE_PLACE + index) };
}

/** Where a volume's disk or its controller is plugged; on i440FX QEMU finds a place. */
export function volumePlace(
  hardware: Hardware,
  number: number,
): { readonly bus: string; readonly addr?: string } {
  return hardware === "vmware" ? { bus: "pci.0" } : { bus: BRIDGE, addr: place(number) };
}

const place = (number: number): string => `0x${number.toString(16)}`;
