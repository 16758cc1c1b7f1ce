import { closeSync, constants, openSync } from "node:fs";
import type { Duplex, Readable, Writable } from "node:stream";
import type { System, WindowSize } from "../system/system.ts";
import type { User } from "./user.ts";

/** The terminal of a process that got no size: Docker's is 0×0, on which full-screen programs fail. */
const DEFAULT_WINDOW: WindowSize = { columns: 80, rows: 24 };

/** The group that owns terminals on Linux (`tty`; devpts is mounted with gid=5). */
const TTY_GROUP = 5;

/** A process's three standard streams, seen from the agent. */
export interface StandardStreams {
  /** The child's descriptors 0, 1 and 2; {@link closeChildEnds} closes them once the child has them. */
  readonly childDescriptors: readonly [number, number, number];
  /** Undefined when standard input is not open. */
  readonly input: Writable | undefined;
  readonly output: Readable;
  /** Undefined with a terminal, which has one output. */
  readonly errorOutput: Readable | undefined;
  closeChildEnds(): void;
  /** Without a terminal this does nothing, as a `window-change` on a pipe means nothing. */
  resize(window: WindowSize): void;
}

/** Opens a pty; the form of node-pty's native `open`. */
export type OpenPty = (columns: number, rows: number) => { readonly master: number; readonly slave: number };

/**
 * Three pipes, owned by the process's user, so that it can open /dev/stdout anew. Not sockets: those cannot
 * be opened by path. Standard input is /dev/null unless it stays open for clients.
 */
export function openPipes(system: System, user: User, hasInput: boolean): StandardStreams {
  const open: number[] = [];
  try {
    const input = hasInput ? openPipe(system, user, open) : undefined;
    const output = openPipe(system, user, open);
    const errorOutput = openPipe(system, user, open);
    const inputDescriptor = input?.[0] ?? openSync("/dev/null", constants.O_RDONLY);
    const childDescriptors = [inputDescriptor, output[1], errorOutput[1]] as const;
    return {
      childDescriptors,
      input: input === undefined ? undefined : system.adoptStream(input[1], "write"),
      output: system.adoptStream(output[0], "read"),
      errorOutput: system.adoptStream(errorOutput[0], "read"),
      closeChildEnds: () => childDescriptors.forEach(closeSync),
      resize: () => {},
    };
  } catch (error) {
    open.forEach(closeSync);
    throw error;
  }
}

/** A pseudo-terminal that has its size before anything can read it. */
export function openTerminal(
  system: System,
  user: User,
  openPty: OpenPty,
  window: WindowSize | undefined,
): StandardStreams {
  const { columns, rows } = window ?? DEFAULT_WINDOW;
  const { master, slave } = openPty(columns, rows);
  system.changeOwner(slave, user.uid, TTY_GROUP);
  const terminal: Duplex = system.adoptStream(master, "duplex");
  return {
    childDescriptors: [slave, slave, slave],
    input: terminal,
    output: terminal,
    errorOutput: undefined,
    closeChildEnds: () => closeSync(slave),
    resize: (size) => {
      if (!terminal.destroyed) system.setWindowSize(master, size);
    },
  };
}

function openPipe(system: System, user: User, open: number[]): [number, number] {
  const pipe = system.pipe();
  open.push(...pipe);
  for (const end of pipe) system.changeOwner(end, user.uid, user.gid);
  return pipe;
}
