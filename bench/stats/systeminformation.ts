import { createRequire } from "node:module";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { StatisticsClient } from "../../test/support/statistics-client.ts";
import { writeBusyboxImage } from "../../test/support/vm-images.ts";
import { programWithLibraries } from "../../test/support/program-with-libraries.ts";
import type { BenchHost } from "../bench-host.ts";
import { openSessionMachine } from "../session/session-machine.ts";

/** What one of its functions that sample takes. */
export interface ForeignFunction {
  readonly name: string;
  readonly elapsedMs: number;
  /** Programs that it starts. */
  readonly processes: number;
}

/** What was found of systeminformation. */
export interface ForeignStatistics {
  readonly functions: readonly ForeignFunction[];
  /** CPU time of the container for one sample with all of them, in milliseconds. */
  readonly cpuMs: number;
}

const ROUNDS = 5;

/** Those that sample what our samples have, called as its own documentation does. */
const FUNCTIONS = ["currentLoad", "mem", "fsSize", "fsStats", "disksIO", "networkStats", "fsOpenFiles"];

/** Runs in the guest: each function once to warm up, then timed, with what it starts counted. */
const SCRIPT = `
const childProcess = require("node:child_process");
let processes = 0;
for (const name of ["spawn", "exec", "execSync", "spawnSync", "execFileSync"]) {
  const real = childProcess[name];
  childProcess[name] = (...args) => { processes++; return real.apply(childProcess, args); };
}
const si = require("/systeminformation");
(async () => {
  for (const name of ${JSON.stringify(FUNCTIONS)}) await si[name]();
  console.log("ready");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  const functions = [];
  for (const name of ${JSON.stringify(FUNCTIONS)}) {
    processes = 0;
    const began = performance.now();
    for (let round = 0; round < ${ROUNDS}; round++) {
      // It answers anew after half a second only.
      await new Promise((resolve) => setTimeout(resolve, 600));
      await si[name]();
    }
    const elapsedMs = (performance.now() - began) / ${ROUNDS} - 600;
    functions.push({ name, elapsedMs, processes: processes / ${ROUNDS} });
  }
  console.log(JSON.stringify(functions));
})();
`;

/** Measures systeminformation in a container VM, with the Node that the agent has. */
export async function measureForeignStatistics(host: BenchHost): Promise<ForeignStatistics> {
  const image = await writeImage(host);
  const options = ["-i", "--cpus", "2", "--memory", "512m", "--network", "user"];
  const command = ["node", "/script.cjs"];
  await using machine = await openSessionMachine(host, { image, command, options });
  const channel = await machine.connection.execute("attach 0 0", undefined);
  let output = "";
  let look = (): void => {};
  channel.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    look();
  });
  channel.stderr.resume();
  const containing = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      look = () => {
        if (output.includes(text)) resolve();
      };
      channel.once("close", () => reject(new Error(`systeminformation could not be measured: ${output}`)));
      look();
    });
  await containing("ready\n");
  const client = await StatisticsClient.open(machine.connection);
  client.send({ getSample: {} });
  await client.count(1);
  channel.write("go\n");
  await containing("]\n");
  client.send({ getSample: {} });
  await client.count(2);
  const [before = 0, after = 0] = client.samples.map(({ containerCpu }) => containerCpu?.usageUs ?? 0);
  const functions = JSON.parse(output.slice(output.indexOf("["))) as ForeignFunction[];
  return { functions, cpuMs: (after - before) / 1000 / ROUNDS };
}

function writeImage(host: BenchHost): Promise<string> {
  const folder = join(host.folder, "systeminformation");
  mkdirSync(folder);
  const library = dirname(createRequire(import.meta.url).resolve("systeminformation/package.json"));
  const files = ["package.json", ...readdirSync(join(library, "lib")).map((name) => `lib/${name}`)].map(
    (name) => ({ name: `systeminformation/${name}`, data: readFileSync(join(library, name)) }),
  );
  const entries = [
    ...programWithLibraries(process.execPath),
    ...["systeminformation/", "systeminformation/lib/"].map((name) => ({ name })),
    ...files,
    { name: "script.cjs", data: SCRIPT },
  ];
  return writeBusyboxImage(join(folder, "image"), { entries, config: { Env: ["PATH=/bin"] } });
}
