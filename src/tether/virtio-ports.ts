import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where the kernel lists virtio-serial ports. */
const PORTS = "/sys/class/virtio-ports";

/**
 * The device of the virtio-serial port that the host calls `name`; undefined when the VM has no such port.
 * udev would make /dev/virtio-ports/NAME; there is none here.
 */
export function findVirtioPort(name: string, folder: string = PORTS): string | undefined {
  const port = listPorts(folder).find((entry) => portName(join(folder, entry)) === name);
  return port === undefined ? undefined : `/dev/${port}`;
}

function listPorts(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Without the driver there is no folder, which is the same as no ports.
    return [];
  }
}

function portName(folder: string): string | undefined {
  try {
    return readFileSync(join(folder, "name"), "utf8").trim();
  } catch {
    // A port without a name has no such file.
    return undefined;
  }
}
