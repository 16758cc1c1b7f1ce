import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import type { Readable } from "node:stream";
import { built } from "../../support/native-system.ts";
import { linux } from "../system/linux.ts";

/** How a run of `tether-exec` ended. */
export interface Launched {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
  readonly errors: string;
  /** The report's fields: step, number, name, detail; empty when the program was executed. */
  readonly report: string[];
}

/** What the process runs with where a test does not say otherwise. */
export const PATH_RECORD = "env=PATH=/usr/local/bin:/usr/bin:/bin";

/** Encodes records as the launcher reads them. */
export function encode(records: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(records.flatMap((record) => [Buffer.from(record), Buffer.from([0])]));
}

/** Runs the launcher natively, without mount namespace and cgroup, with these instructions. */
export async function launch(
  instructions: readonly (string | Buffer)[] | Buffer,
  { stdio = ["ignore", "pipe", "pipe"] }: { stdio?: ("ignore" | "pipe" | number)[] } = {},
): Promise<Launched> {
  const content = Buffer.isBuffer(instructions) ? instructions : encode(instructions);
  const file = linux.memoryFile("instructions", content);
  // The launcher must not depend on the environment that it is started with.
  const child = spawn(built("tether-exec"), [], { stdio: [...stdio, file, "pipe"], env: { OWN: "1" } });
  closeSync(file);
  const ended = new Promise<[number | null, string | null]>((done, failed) => {
    child.on("close", (code, signal) => done([code, signal])).on("error", failed);
  });
  const read = async (index: number) => {
    const stream = child.stdio[index] as Readable | null | undefined;
    return stream === null || stream === undefined ? "" : (await buffer(stream)).toString();
  };
  const [output, errors, report, [code, signal]] = await Promise.all([read(1), read(2), read(4), ended]);
  return { code, signal, output, errors, report: report === "" ? [] : report.split("\0").slice(0, -1) };
}

/** Runs `sh -c script` under further records; what it prints. */
export async function launchShell(script: string, ...records: string[]): Promise<string> {
  const { code, output, errors, report } = await launch([
    "arg=sh",
    "arg=-c",
    `arg=${script}`,
    PATH_RECORD,
    ...records,
  ]);
  if (code !== 0) throw new Error(`ended with ${code}: ${errors}${report.join(" ")}`);
  return output;
}
