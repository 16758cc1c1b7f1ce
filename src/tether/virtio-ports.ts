import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";

/** Where the kernel lists virtio-serial ports. */
const PORTS = "/sys/class/virtio-ports";

/** A virtio-serial port as the guest sees it. */
export interface VirtioPort {
  /** What the host calls it. */
  readonly name: string;
  /** udev would make /dev/virtio-ports/NAME; there is none here. */
  readonly device: string;
  /** No later port has it, also one that takes this one's place. */
  readonly identity: number;
}

/** The device of the virtio-serial port that the host calls `name`; undefined when the VM has no such port. */
export function findVirtioPort(name: string, folder: string = PORTS): string | undefined {
  return listVirtioPorts(folder).find((port) => port.name === name)?.device;
}

/**
 * The ports that have a name. A port that is being plugged gets it last, when it can be opened (the driver's
 * handle_control_message), and the kernel then says `change` (see {@link changesVirtioPorts}).
 */
export function listVirtioPorts(folder: string = PORTS): VirtioPort[] {
  return listEntries(folder).flatMap((entry) => {
    const device = `/dev/${entry}`;
    const identity = identifyVirtioPort(device, folder);
    const name = readName(join(folder, entry));
    return identity === undefined || name === undefined ? [] : [{ name, device, identity }];
  });
}

/** The identity of the port that has this device now, with or without a name. */
export function identifyVirtioPort(device: string, folder: string = PORTS): number | undefined {
  try {
    // The number of a kernfs folder is not given twice.
    return statSync(join(folder, basename(device))).ino;
  } catch {
    return undefined;
  }
}

/** True for a kernel's message after which the list may be another; also when messages were lost. */
export function changesVirtioPorts(uevent: string): boolean {
  // A port that is only just added has no name.
  return uevent === "" || (uevent.includes("\0SUBSYSTEM=virtio-ports\0") && !uevent.startsWith("add@"));
}

function listEntries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Without the driver there is no folder, which is the same as no ports.
    return [];
  }
}

function readName(folder: string): string | undefined {
  try {
    return readFileSync(join(folder, "name"), "utf8").trim();
  } catch {
    // It has no name, or went this moment.
    return undefined;
  }
}
