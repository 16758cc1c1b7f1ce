import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

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
 * handle_control_message), and the kernel then says `change` (see {@link isAboutVirtioPorts}).
 */
export function listVirtioPorts(folder: string = PORTS): VirtioPort[] {
  return listEntries(folder).flatMap((entry) => {
    const port = readPort(join(folder, entry));
    return port === undefined ? [] : [{ ...port, device: `/dev/${entry}` }];
  });
}

/** True for a kernel's message after which the list may be another; also when messages were lost. */
export function isAboutVirtioPorts(uevent: string): boolean {
  return uevent === "" || uevent.includes("\0SUBSYSTEM=virtio-ports\0");
}

function listEntries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Without the driver there is no folder, which is the same as no ports.
    return [];
  }
}

function readPort(folder: string): Pick<VirtioPort, "name" | "identity"> | undefined {
  try {
    // The number of a kernfs folder is not given twice.
    const identity = statSync(folder).ino;
    return { name: readFileSync(join(folder, "name"), "utf8").trim(), identity };
  } catch {
    // It has no name, or went this moment.
    return undefined;
  }
}
