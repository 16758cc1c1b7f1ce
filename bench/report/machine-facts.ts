import { execFile } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";
import { promisify } from "node:util";
import { readManifest } from "../../iso-build/index.ts";
import { VCH_VERSION } from "../../src/cli/version.ts";
import { BOOT_FOLDER, ROOT } from "../bench-host.ts";
import { ACCELERATION } from "../run-requests.ts";

/** The machine that figures were taken on. */
export interface MachineFacts {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly acceleration: string;
}

/** What was measured. */
export interface Versions {
  readonly vch: string;
  /** Undefined outside a checkout. */
  readonly commit: string | undefined;
  readonly node: string;
  readonly qemu: string;
  readonly guestKernel: string;
}

/** Describes this machine. */
export function describeMachine(): MachineFacts {
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? "unknown",
    cores: processors.length,
    memoryBytes: totalmem(),
    kernel: release(),
    acceleration: ACCELERATION,
  };
}

/** Describes the parts that a start consists of. */
export async function describeVersions(): Promise<Versions> {
  return {
    vch: VCH_VERSION,
    commit: await firstLine("git", ["-C", ROOT, "rev-parse", "HEAD"]).catch(() => undefined),
    node: process.version,
    qemu: await firstLine("qemu-system-x86_64", ["--version"]),
    guestKernel: (await readManifest(BOOT_FOLDER)).kernelVersion,
  };
}

/** Runnable processes, averaged over one, five and fifteen minutes. */
export function loadAverage(): number[] {
  return loadavg().map((load) => Math.round(load * 100) / 100);
}

async function firstLine(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args);
  return stdout.split("\n", 1)[0] ?? "";
}
