import type { Socket } from "node:net";
import { TetherError } from "../protocol/errors/index.ts";
import { FURTHER_LINK_PORT_PREFIX, LINK_PORT_NAME } from "../protocol/link-names.ts";
import type { Bridge, BridgeEvents, System } from "../system/system.ts";
import {
  changesVirtioPorts,
  findVirtioPort,
  identifyVirtioPort,
  listVirtioPorts,
  type VirtioPort,
} from "./virtio-ports.ts";

/** A serial line of a hypervisor without virtio (vSphere's network-backed serial port). */
const SERIAL_LINK = "/dev/ttyS1";

/** What a link needs. */
export interface LinkOptions {
  /** Is told when a device fails; a further port that was unplugged has not failed. */
  readonly report: (error: Error) => void;
  /** An agent before this one had the link: whoever is connected spoke with it, and is sent away. */
  readonly isInterrupted: boolean;
  /** Where the ports are listed. */
  readonly folder?: string;
}

/**
 * Opens the guest's end of the link: each time that a peer opens the other end, `accept` gets a socket. Where the
 * link is a virtio-serial port, the host may plug further ones at any time: each is a link of its own for as long
 * as it is there.
 *
 * @throws TetherError `guest-initialisation` when there is no link.
 */
export function openLink(system: System, accept: (socket: Socket) => void, options: LinkOptions): Bridge {
  const { report, isInterrupted, folder } = options;
  const adopt = (descriptor: number): Socket => {
    const socket = system.adoptStream(descriptor, "duplex") as Socket;
    accept(socket);
    return socket;
  };
  const port = findVirtioPort(LINK_PORT_NAME, folder);
  const device = port ?? SERIAL_LINK;
  try {
    const link = system.bridgeDevice(device, { onConnection: adopt, onError: report }, isInterrupted);
    if (port === undefined) return link;
    const further = new FurtherPorts({ system, adopt, report, isInterrupted, folder });
    return { close: () => Promise.all([link.close(), further.close()]).then(() => {}) };
  } catch (error) {
    throw TetherError.from(error, "guest-initialisation", `opening the link ${device}`);
  }
}

interface FurtherPortsParts {
  readonly system: System;
  readonly adopt: (descriptor: number) => Socket;
  readonly report: (error: Error) => void;
  readonly isInterrupted: boolean;
  readonly folder: string | undefined;
}

/**
 * The links that come and go while the machine runs. A port's device may be another port's the next moment, as the
 * host gives the lowest number that is free.
 */
class FurtherPorts {
  readonly #parts: FurtherPortsParts;
  readonly #bridges = new Map<number, Bridge>();
  /** Ports whose connection has ended, and that the host has not unplugged yet. */
  readonly #served = new Set<number>();
  readonly #watch: Bridge;
  #isClosed = false;

  constructor(parts: FurtherPortsParts) {
    this.#parts = parts;
    // Before the first look: nothing may come between.
    this.#watch = parts.system.watchUevents({
      onMessage: (message) => {
        if (changesVirtioPorts(message)) this.#look();
      },
      onError: parts.report,
    });
    this.#look(parts.isInterrupted);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#watch, ...this.#bridges.values()].map((bridge) => bridge.close()));
  }

  /** Compares what there is with what is open: no message needs to be understood, and none is missed for long. */
  #look(isInterrupted = false): void {
    if (this.#isClosed) return;
    const ports = listVirtioPorts(this.#parts.folder).filter(({ name }) =>
      name.startsWith(FURTHER_LINK_PORT_PREFIX),
    );
    const present = new Set(ports.map(({ identity }) => identity));
    for (const identity of this.#bridges.keys()) if (!present.has(identity)) this.#release(identity);
    for (const identity of this.#served) if (!present.has(identity)) this.#served.delete(identity);
    for (const port of ports) {
      if (!this.#bridges.has(port.identity) && !this.#served.has(port.identity))
        this.#open(port, isInterrupted);
    }
  }

  #open(port: VirtioPort, isInterrupted: boolean): void {
    const { system, adopt, report, folder } = this.#parts;
    let { identity } = port;
    try {
      const events: BridgeEvents = {
        onConnection: (descriptor) => {
          // A port is plugged for one connection; the host waits for its closing before it unplugs it.
          adopt(descriptor).once("close", () => {
            this.#served.add(identity);
            this.#release(identity);
          });
        },
        onError: (error) => {
          if (isUnplugged(error)) this.#release(identity);
          else report(error);
        },
      };
      const bridge = system.bridgeDevice(port.device, events, isInterrupted);
      // Another port took this one's place meanwhile: then it is most likely that one which was opened. When it is
      // not, the device says so, and the next look opens the other.
      identity = identifyVirtioPort(port.device, folder) ?? identity;
      this.#bridges.set(identity, bridge);
    } catch (error) {
      // Gone before it was opened; or one that was in its place is not closed yet, and is looked after then.
      if (error instanceof Error && !isUnplugged(error) && !isBusy(error)) report(error);
    }
  }

  #release(identity: number): void {
    const bridge = this.#bridges.get(identity);
    this.#bridges.delete(identity);
    void bridge?.close().then(() => this.#look());
  }
}

type SystemError = Error & { readonly code?: string };

/** ENODEV is what an open port says, ENXIO and ENOENT what opening gives when it has gone. */
function isUnplugged({ code }: SystemError): boolean {
  return code === "ENODEV" || code === "ENXIO" || code === "ENOENT";
}

/** A port can be open once. */
function isBusy({ code }: SystemError): boolean {
  return code === "EBUSY";
}
