import type { Socket } from "node:net";
import { TetherError } from "../protocol/errors/index.ts";
import { LINK_PORT_NAME } from "../protocol/link-names.ts";
import type { Bridge, System } from "../system/system.ts";
import { findVirtioPort } from "./virtio-ports.ts";

/** A serial line of a hypervisor without virtio (vSphere's network-backed serial port). */
const SERIAL_LINK = "/dev/ttyS1";

/**
 * Opens the guest's end of the link: each time that a peer opens the other end, `accept` gets a socket.
 *
 * @param report is told when the device fails.
 */
export function openLink(
  system: System,
  accept: (socket: Socket) => void,
  report: (error: Error) => void,
): Bridge {
  const device = findVirtioPort(LINK_PORT_NAME) ?? SERIAL_LINK;
  try {
    return system.bridgeDevice(device, {
      onConnection: (descriptor) => accept(system.adoptStream(descriptor, "duplex") as Socket),
      onError: report,
    });
  } catch (error) {
    throw TetherError.from(error, "guest-initialisation", `opening the link ${device}`);
  }
}
