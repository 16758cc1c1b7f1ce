import { join } from "node:path";
import { QemuDriver } from "../hypervisor/index.ts";
import { ContainerStore, Execution, openStateFolder } from "../portlayer/execution/index.ts";
import { machineUser } from "./machine-user.ts";
import type { TetherError } from "../protocol/errors/index.ts";

/** What the commands share. */
export interface Context {
  /**
   * Opens the port layer for a command that runs or removes containers.
   *
   * @param keepsGuests for one that goes on, and lets go of them in the end.
   */
  readonly openExecution: (keepsGuests?: boolean) => Execution;
  /** Opens the containers for a command that only looks. */
  readonly openContainers: () => ContainerStore;
  /** At this command's end the machines that it has started go on: it does not wait for them. */
  readonly leaveMachines: () => void;
  /** The words that start this program again. */
  readonly program: readonly string[];
  /** One line on standard error, with the hint when there is one. */
  readonly reportError: (error: TetherError) => void;
  /** The command has done everything. */
  readonly end: () => void;
}

/**
 * @param bootFolder iso-build's output folder.
 * @param isVerbose whether progress is reported.
 */
export function makeContext(bootFolder: string, isVerbose: () => boolean): Context {
  let leavesMachines = false;
  const report = (line: string): void => void process.stderr.write(`vch: ${line}\n`);
  return {
    openExecution: (keepsGuests = false) =>
      new Execution({
        keepsGuests,
        state: openStateFolder(process.env),
        driver: QemuDriver.of(machineUser(join(bootFolder, "../native"), process.env)),
        bootFolder,
        report,
        reportDetail: (line) => {
          if (isVerbose()) report(line);
        },
        onStages: (stages) => {
          if (isVerbose()) for (const { name, atMs } of stages) report(`guest: ${name} at ${atMs ?? 0} ms`);
        },
      }),
    openContainers: () => new ContainerStore(openStateFolder(process.env)),
    program: [process.execPath, process.argv[1] ?? ""],
    leaveMachines: () => {
      leavesMachines = true;
    },
    end: () => {
      // What is written to a pipe is written later, and would be lost.
      if (leavesMachines) process.stdout.write("", () => process.exit());
    },
    reportError: ({ message, entry }) => {
      report(entry.hint === undefined ? message : `${message}; ${entry.hint}`);
    },
  };
}
