import { closeSync, constants, openSync } from "node:fs";
import type { System, WindowSize } from "../system/system.ts";
import { makeOutput, type OutputDescriptors } from "./ring-source.ts";
import type { SavedProcess } from "./session-components.ts";
import type { User } from "./user.ts";

/** The terminal of a process that got no size: Docker's is 0×0, on which full-screen programs fail. */
const DEFAULT_WINDOW: WindowSize = { columns: 80, rows: 24 };

/** The group that owns terminals on Linux (`tty`; devpts is mounted with gid=5). */
const TTY_GROUP = 5;

/** A process's three standard streams, seen from the agent: descriptors, which outlive a crash. */
export interface StandardStreams {
  /** Undefined when standard input is not open; of a terminal it is the output's source. */
  readonly input: InputDescriptors | undefined;
  readonly output: OutputDescriptors;
  /** Undefined with a terminal, which has one output. */
  readonly errorOutput: OutputDescriptors | undefined;
  readonly isTerminal: boolean;
}

/** The descriptors of a process's input. */
export interface InputDescriptors {
  /** The pipe's writing end, or the terminal's master. */
  readonly target: number;
  /** The memory file that counts the bytes. */
  readonly count: number;
}

/** The streams of a process that is about to be started. */
export interface FreshStreams extends StandardStreams {
  /** The child's descriptors 0, 1 and 2; {@link closeChildEnds} closes them once the child has them. */
  readonly childDescriptors: readonly [number, number, number];
  readonly closeChildEnds: () => void;
}

/** Opens a pty; the form of node-pty's native `open`. */
export type OpenPty = (columns: number, rows: number) => { readonly master: number; readonly slave: number };

/**
 * Three pipes, owned by the process's user, so that it can open /dev/stdout anew. Not sockets: those cannot
 * be opened by path. Standard input is /dev/null unless it stays open for clients.
 */
export function openPipes(system: System, user: User, hasInput: boolean): FreshStreams {
  const open: number[] = [];
  const keep = (descriptor: number): number => {
    open.push(descriptor);
    return descriptor;
  };
  const openPipe = (): [number, number] => {
    const [reading, writing] = system.pipe();
    keep(reading);
    keep(writing);
    for (const end of [reading, writing]) system.changeOwner(end, user.uid, user.gid);
    return [reading, writing];
  };
  try {
    const input = hasInput ? openPipe() : undefined;
    const output = openPipe();
    const errorOutput = openPipe();
    const inputDescriptor = input?.[0] ?? keep(openSync("/dev/null", constants.O_RDONLY));
    const childDescriptors = [inputDescriptor, output[1], errorOutput[1]] as const;
    const outputs = [output, errorOutput].map(([source]) => makeOutput(system, source));
    outputs.forEach(({ ring }) => keep(ring));
    const [first, second] = outputs;
    if (first === undefined) throw new Error("unreachable: there are two outputs");
    return {
      childDescriptors,
      input: input === undefined ? undefined : { target: input[1], count: keep(system.makeInput()) },
      output: first,
      errorOutput: second,
      isTerminal: false,
      closeChildEnds: () => childDescriptors.forEach(closeSync),
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
): FreshStreams {
  const { columns, rows } = window ?? DEFAULT_WINDOW;
  const { master, slave } = openPty(columns, rows);
  try {
    system.changeOwner(slave, user.uid, TTY_GROUP);
    const output = makeOutput(system, master);
    return {
      childDescriptors: [slave, slave, slave],
      input: { target: master, count: system.makeInput() },
      output,
      errorOutput: undefined,
      isTerminal: true,
      closeChildEnds: () => closeSync(slave),
    };
  } catch (error) {
    [master, slave].forEach(closeSync);
    throw error;
  }
}

/** Every descriptor of a process that must outlive a crash. */
export function descriptorsOf(process: Pick<SavedProcess, "streams" | "report"> | undefined): number[] {
  if (process?.streams === undefined) return [];
  const { streams, report } = process;
  const { input, output, errorOutput } = streams;
  const all = [
    typeof report === "number" ? report : undefined,
    input?.target,
    input?.count,
    ...[output, errorOutput].flatMap((each) => [each?.source, each?.ring]),
  ];
  return [...new Set(all.filter((descriptor) => descriptor !== undefined))];
}
