import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { Execution, openStateFolder, type RunRequest } from "../../src/portlayer/execution/index.ts";
import { Collector, CuttingDriver } from "../support/cutting-driver.ts";
import { runRequest } from "../support/run-requests.ts";
import { succeedOn } from "../support/vm-commands.ts";
import { DEMO_IMAGE, ROOT, useHost, type VmHost } from "../support/vm-host.ts";

const INPUT_BYTES = 4 * 1024 * 1024;
const CUTS = 50;

describe("a link that breaks fifty times", function () {
  this.timeout(180_000);
  const host = useHost();
  const succeed = succeedOn(host);
  const control = () => ({ abort: new AbortController().signal, onRunning: () => {} });

  it("costs a run no byte in either direction, nor the exit status", async () => {
    const input = randomBytes(INPUT_BYTES);
    const driver = new CuttingDriver(CUTS);
    const output = new Collector((bytes) => driver.progress(bytes, INPUT_BYTES));
    const errorOutput = new Collector();
    const status = await open(host, driver).run(
      request(["sh", "-c", "tee /dev/stderr; exit 9"]),
      { input: Readable.from(pieces(input)), output, errorOutput },
      control(),
    );
    assertSame([output.bytes, errorOutput.bytes], input);
    assert.equal(status, 9);
    assert.equal(driver.cuts, CUTS);
  });

  it("costs an attachment none, also when others have given the process input before", async () => {
    const input = randomBytes(INPUT_BYTES);
    const driver = new CuttingDriver(CUTS);
    const execution = open(host, driver);
    const script = `head -n 1; head -c ${INPUT_BYTES} | tee /dev/stderr; exit 9`;
    await succeed("run", "-di", "--name", "piped", DEMO_IMAGE, "sh", "-c", script);
    const other = host.start(["attach", "piped"], { openInput: true });
    other.process.stdin?.write(`${"x".repeat(50_000)}\n`);
    await other.stdout.expect(/x\n$/);
    other.process.kill("SIGKILL");
    await other.finished;
    const output = new Collector((bytes) => driver.progress(bytes, INPUT_BYTES));
    const errorOutput = new Collector();
    const streams = { input: Readable.from(pieces(input)), output, errorOutput };
    const end = await execution.attach("piped", streams, control());
    assertSame([output.bytes, errorOutput.bytes], input);
    assert.deepEqual(end, { kind: "exited", status: 9 });
    assert.equal(driver.cuts, CUTS);
    await succeed("rm", "-f", "piped");
  });

  it("costs an attachment to a terminal none", async () => {
    const input = randomBytes(INPUT_BYTES);
    const driver = new CuttingDriver(CUTS);
    // Which bytes a terminal changes is the line discipline's business until it is raw.
    const script = `read go; stty raw -echo; echo ready; head -c ${INPUT_BYTES}; exit 9`;
    await succeed("run", "-dit", "--name", "terminal", DEMO_IMAGE, "sh", "-c", script);
    const typed = new PassThrough();
    const isReady = new PassThrough();
    const greeting = "go\r\nready\n";
    const output = new Collector((bytes) => {
      if (bytes >= greeting.length) isReady.end();
      driver.progress(bytes - greeting.length, INPUT_BYTES);
    });
    const size = { columns: 80, rows: 24 };
    const terminal = { size: () => size, onResize: () => () => {} };
    const streams = { input: typed, output, errorOutput: new Collector(), terminal };
    const ended = open(host, driver).attach("terminal", streams, control());
    typed.write("go\n");
    await once(isReady.resume(), "end");
    Readable.from(pieces(input)).pipe(typed);
    assert.deepEqual(await ended, { kind: "exited", status: 9 });
    assertSame([output.bytes], Buffer.concat([Buffer.from(greeting), input]));
    assert.equal(driver.cuts, CUTS);
    await succeed("rm", "-f", "terminal");
  });
});

function open(host: VmHost, driver: CuttingDriver): Execution {
  return new Execution({
    state: openStateFolder({ VCH_STATE: host.state() }),
    driver,
    bootFolder: join(ROOT, "build/boot"),
    report: () => {},
    reportDetail: () => {},
    onStages: () => {},
  });
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += 50_000) yield bytes.subarray(start, start + 50_000);
}

function request(command: readonly string[]): RunRequest {
  return runRequest({
    image: DEMO_IMAGE,
    command,
    openStdin: true,
    stdinOnce: true,
    remove: true,
    memoryBytes: 256 * 1024 * 1024,
    start: "forked",
    startTimeoutMs: 100_000,
  });
}

function assertSame(found: readonly Buffer[], expected: Buffer): void {
  const describe = (bytes: Buffer): string =>
    `${bytes.length} bytes, ${createHash("sha256").update(bytes).digest("hex")}`;
  assert.deepEqual(
    found.map(describe),
    found.map(() => describe(expected)),
  );
}
