import type { Socket } from "node:net";
import { TetherError } from "../protocol/errors/index.ts";
import { FURTHER_LINK_PORT_PREFIX, LINK_PORT_NAME } from "../protocol/link-names.ts";
import type { Bridge, System } from "../system/system.ts";
import { findVirtioPort, isAboutVirtioPorts, listVirtioPorts } from "./virtio-ports.ts";

/** A serial line of a hypervisor without virtio (vSphere's network-backed serial port). */
const SERIAL_LINK = "/dev/ttyS1";

/**
 * Opens the guest's end of the link: each time that a peer opens the other end, `accept` gets a socket. Where the
 * link is a virtio-serial port, the host may plug further ones at any time: each is a link of its own for as long
 * as it is there.
 *
 * @param report is told when a device fails; a further port that was unplugged has not failed.
 * @param folder where the ports are listed.
 * @throws TetherError `guest-initialisation` when there is no link.
 */
export function openLink(
  system: System,
  accept: (socket: Socket) => void,
  report: (error: Error) => void,
  folder?: string,
): Bridge {
  const adopt = (descriptor: number): void => accept(system.adoptStream(descriptor, "duplex") as Socket);
  const port = findVirtioPort(LINK_PORT_NAME, folder);
  const device = port ?? SERIAL_LINK;
  try {
    const link = system.bridgeDevice(device, { onConnection: adopt, onError: report });
    if (port === undefined) return link;
    const further = new FurtherPorts({ system, adopt, report, folder });
    return { close: () => Promise.all([link.close(), further.close()]).then(() => {}) };
  } catch (error) {
    throw TetherError.from(error, "guest-initialisation", `opening the link ${device}`);
  }
}

interface FurtherPortsParts {
  readonly system: System;
  readonly adopt: (descriptor: number) => void;
  readonly report: (error: Error) => void;
  readonly folder: string | undefined;
}

/** The links that come and go while the machine runs. */
class FurtherPorts {
  readonly #parts: FurtherPortsParts;
  readonly #bridges = new Map<number, Bridge>();
  readonly #watch: Bridge;

  constructor(parts: FurtherPortsParts) {
    this.#parts = parts;
    // Before the first look: nothing may come between.
    this.#watch = parts.system.watchUevents({
      onMessage: (message) => {
        if (isAboutVirtioPorts(message)) this.#look();
      },
      onError: parts.report,
    });
    this.#look();
  }

  async close(): Promise<void> {
    await Promise.all([this.#watch, ...this.#bridges.values()].map((bridge) => bridge.close()));
  }

  /** Compares what there is with what is open: no message needs to be understood, and none is missed for long. */
  #look(): void {
    const ports = listVirtioPorts(this.#parts.folder).filter(({ name }) =>
      name.startsWith(FURTHER_LINK_PORT_PREFIX),
    );
    const present = new Set(ports.map(({ identity }) => identity));
    for (const [identity, bridge] of this.#bridges) {
      if (present.has(identity)) continue;
      this.#bridges.delete(identity);
      void bridge.close();
    }
    for (const { identity, device } of ports) {
      if (!this.#bridges.has(identity)) this.#open(identity, device);
    }
  }

  #open(identity: number, device: string): void {
    const { system, adopt, report } = this.#parts;
    const onError = (error: Error): void => {
      // The device tells of its end before the kernel's message does: the next look closes it.
      if (!isUnplugged(error)) report(error);
    };
    try {
      this.#bridges.set(identity, system.bridgeDevice(device, { onConnection: adopt, onError }));
    } catch (error) {
      // Gone before it was opened.
      if (error instanceof Error && !isUnplugged(error)) report(error);
    }
  }
}

/** ENODEV is what an open port says, ENXIO and ENOENT what opening gives when it has gone. */
function isUnplugged(error: Error & { readonly code?: string }): boolean {
  return error.code === "ENODEV" || error.code === "ENXIO" || error.code === "ENOENT";
}
