import { Writable } from "node:stream";
import { join } from "node:path";
import { machineUser } from "../src/cli/machine-user.ts";
import { QemuDriver } from "../src/hypervisor/index.ts";
import { Execution, type RunRequest } from "../src/portlayer/execution/index.ts";
import { BOOT_FOLDER, type BenchHost } from "./bench-host.ts";

/** How a container's process ended, and what it wrote. */
export interface ContainerResult {
  readonly status: number;
  readonly output: string;
}

/**
 * Runs a container through the port layer: without the command line's own checks.
 *
 * @param signal destroys the container VM.
 */
export async function runContainer(
  { state }: BenchHost,
  request: RunRequest,
  signal: AbortSignal,
): Promise<ContainerResult> {
  const execution = new Execution({
    state,
    driver: QemuDriver.of(machineUser(join(BOOT_FOLDER, "../native"), process.env)),
    bootFolder: BOOT_FOLDER,
    report: () => {},
    reportDetail: () => {},
    onStages: () => {},
  });
  const chunks: Buffer[] = [];
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  const control = { abort: signal, onRunning: () => {} };
  const status = await execution.run(request, { input: undefined, output, errorOutput: output }, control);
  return { status, output: Buffer.concat(chunks).toString("utf8") };
}
