import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** PCI's devices and drivers in sysfs (Documentation/ABI/testing/sysfs-bus-pci, `bind` and `unbind`). */
const BUS = "/sys/bus/pci";

/** The driver of everything that is virtio on PCI. */
const DRIVER = "drivers/virtio-pci";

/** linux/pci_ids.h, PCI_CLASS_NETWORK_ETHERNET, as sysfs has it. */
const NETWORK_CARD = "0x020000";

/** The PCI slots of the machine's network cards, with a driver or without. */
export function listInterfaces(bus: string = BUS): readonly string[] {
  return cardsIn(join(bus, "devices"));
}

/**
 * Takes the virtio network cards from their driver: a template's have no MAC address of anybody's and no cable, and a
 * fork's are others in the same places. The driver of PCI resets such a card when it binds to it, and with that the card
 * takes the MAC address that the hypervisor has for it instead of the template's; virtio_net, by itself, resets it only
 * when it lets go.
 *
 * @returns the devices, for {@link attachInterfaces}.
 */
export function detachInterfaces(bus: string = BUS): readonly string[] {
  const driver = join(bus, DRIVER);
  const devices = existsSync(driver) ? cardsIn(driver) : [];
  for (const device of devices) writeFileSync(join(driver, "unbind"), device);
  return devices;
}

/** Gives the cards back to their driver: when this returns, they are network devices, if virtio_net is loaded. */
export function attachInterfaces(devices: readonly string[], bus: string = BUS): void {
  for (const device of devices) writeFileSync(join(bus, DRIVER, "bind"), device);
}

function cardsIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => {
    const file = join(folder, name, "class");
    return existsSync(file) && readFileSync(file, "utf8").trim() === NETWORK_CARD;
  });
}
