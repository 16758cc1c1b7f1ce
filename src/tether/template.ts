import type { Socket } from "node:net";
import { attachDisks, attachInterfaces, detachDisks, detachInterfaces } from "../init/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { System } from "../system/system.ts";
import { openLink } from "./link.ts";

/** What waiting depends on; other values in tests. */
interface Waiting {
  /** A template that nobody stops, or a fork that nobody connects to, does not stay for ever. */
  readonly limitMs: number;
  /** Takes the container's devices from their drivers. @returns what gives a fork's to them. */
  readonly detachDevices: () => () => void;
}

const WAITING: Waiting = {
  limitMs: 120_000,
  detachDevices,
};

/** A clock that is this close is left alone: a step disturbs more than it corrects. */
const CLOCK_TOLERANCE_MS = 10;

/** How connections of the link reach their server, which comes after the first of them. */
export interface LinkQueue {
  /** Hands over the connections that wait and all that come. */
  serve(accept: (socket: Socket) => void): void;
}

/**
 * The template's last act (vSphere calls the like Instant Clone): opens the link, which tells the hypervisor's
 * driver that the VM may be stopped, and waits. Whoever opens the link's other end speaks to a fork.
 *
 * Up to here nothing may depend on a container, and nothing secret may have been made: every fork has it.
 *
 * @throws TetherError `guest-initialisation` when nobody came.
 */
export async function waitToBeForked(
  system: System,
  report: (error: Error) => void,
  { limitMs, detachDevices: detach }: Waiting = WAITING,
): Promise<LinkQueue> {
  const attach = detach();
  const waiting: Socket[] = [];
  const woken = Promise.withResolvers<void>();
  let accept = (socket: Socket): void => {
    waiting.push(socket);
    woken.resolve();
  };
  openLink(system, (socket) => accept(socket), {
    isInterrupted: false,
    report: (error) => {
      report(error);
      woken.reject(TetherError.from(error, "guest-initialisation", "the link failed"));
    },
  });
  const limit = setTimeout(
    () => woken.reject(new TetherError("guest-initialisation", "the template was never forked")),
    limitMs,
  );
  try {
    await woken.promise;
  } finally {
    clearTimeout(limit);
  }
  attach();
  return {
    serve: (server) => {
      accept = server;
      for (const socket of waiting.splice(0)) server(socket);
    },
  };
}

function detachDevices(): () => void {
  const disks = detachDisks();
  const interfaces = detachInterfaces();
  return () => {
    attachInterfaces(interfaces);
    attachDisks(disks);
  };
}

/** Sets the wall clock unless it is right already. @returns how far it was off, in milliseconds; below zero: it was slow. */
export function correctClock(system: System, milliseconds: number): number {
  const offset = Date.now() - milliseconds;
  if (Math.abs(offset) > CLOCK_TOLERANCE_MS) system.setClock(milliseconds);
  return offset;
}
