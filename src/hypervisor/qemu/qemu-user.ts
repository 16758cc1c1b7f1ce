import type { MachineSpecification } from "../driver.ts";
import type { CommandMachine, MachineMemory } from "./command-line.ts";

/** What a QEMU is asked to be, before it is known as whom it runs. */
export interface QemuRequest {
  readonly machine: MachineSpecification;
  readonly accelerator: "kvm" | "tcg";
  readonly memory: MachineMemory;
  /** The first of QEMU's descriptors that nothing is passed on as yet. */
  readonly firstDescriptor: number;
}

/** As whom, where and with what a QEMU is started. What was opened for it is closed by the disposal, when it has started. */
export interface QemuSurroundings extends Disposable {
  /** The machine, with its files as QEMU is to open them. */
  readonly machine: CommandMachine;
  /** QEMU's working directory, where its sockets are. */
  readonly room: string;
  /** Passed on behind the others. */
  readonly descriptors: readonly number[];
  /** The whole command that becomes QEMU. */
  command(program: string, args: readonly string[]): readonly [string, ...string[]];
  readonly environment: NodeJS.ProcessEnv;
  /** Sets of descriptors that the machine is to let go of when it has started: of files that it gets others for. */
  readonly spareSets: readonly number[];
  /** Whether the command limits the files that QEMU writes; else its starter has to. */
  readonly limitsFiles: boolean;
  /** QEMU's complaint with the names of files that its user knows. */
  explain(error: unknown): unknown;
}

/** As whom machines run. */
export interface QemuUser {
  /** @throws TetherError `hypervisor-failed`, or the file system's own error. */
  prepare(request: QemuRequest): QemuSurroundings;
  /** Lets a machine that runs open a TAP device. */
  giveTap(name: string, user: number): Promise<void>;
  /** Why KVM is out of their reach, where whoever starts them can use it. */
  whyNoKvm(): string | undefined;
}

/** Machines run as whoever starts them, and open their files themselves. */
export const CALLERS_USER: QemuUser = {
  prepare: ({ machine }) => ({
    machine,
    room: machine.folder,
    descriptors: [],
    command: (program, args) => [program, ...args],
    environment: {},
    spareSets: [],
    limitsFiles: false,
    explain: (error) => error,
    [Symbol.dispose]: () => {},
  }),
  giveTap: () => Promise.resolve(),
  whyNoKvm: () => undefined,
};
