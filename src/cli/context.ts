import { QemuDriver } from "../hypervisor/index.ts";
import { ContainerStore, Execution, openStateFolder } from "../portlayer/execution/index.ts";
import type { TetherError } from "../protocol/errors/index.ts";

/** What the commands share. */
export interface Context {
  /** Opens the port layer for a command that runs or removes containers. */
  readonly openExecution: () => Execution;
  /** Opens the containers for a command that only looks. */
  readonly openContainers: () => ContainerStore;
  /** One line on standard error, with the hint when there is one. */
  readonly reportError: (error: TetherError) => void;
}

/**
 * @param bootFolder iso-build's output folder.
 * @param isVerbose whether progress is reported.
 */
export function makeContext(bootFolder: string, isVerbose: () => boolean): Context {
  const report = (line: string): void => void process.stderr.write(`vch: ${line}\n`);
  return {
    openExecution: () =>
      new Execution({
        state: openStateFolder(process.env),
        driver: new QemuDriver(),
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
    reportError: ({ message, entry }) => {
      report(entry.hint === undefined ? message : `${message}; ${entry.hint}`);
    },
  };
}
