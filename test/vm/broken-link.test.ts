import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import {
  type HypervisorDriver,
  type Machine,
  type MachineSpecification,
  QemuDriver,
} from "../../src/hypervisor/index.ts";
import { Execution, openStateFolder, type RunRequest } from "../../src/portlayer/execution/index.ts";
import { runRequest } from "../support/run-requests.ts";
import { DEMO_IMAGE, ROOT, useHost } from "../support/vm-host.ts";

const INPUT_BYTES = 4 * 1024 * 1024;
const CUTS = 50;

describe("a link that breaks fifty times", function () {
  this.timeout(180_000);
  const host = useHost();

  it("costs no byte in either direction, nor the exit status", async () => {
    const input = randomBytes(INPUT_BYTES);
    const driver = new CuttingDriver();
    const execution = new Execution({
      state: openStateFolder({ VCH_STATE: host.state() }),
      driver,
      bootFolder: join(ROOT, "build/boot"),
      report: () => {},
      reportDetail: () => {},
      onStages: () => {},
    });
    const output = new Collector((bytes) => driver.progress(bytes, INPUT_BYTES));
    const errorOutput = new Collector(() => {});
    const status = await execution.run(
      request(["sh", "-c", "tee /dev/stderr; exit 9"]),
      { input: Readable.from(pieces(input)), output, errorOutput },
      { abort: new AbortController().signal, onRunning: () => {} },
    );
    assert.deepEqual([output.bytes.length, errorOutput.bytes.length], [INPUT_BYTES, INPUT_BYTES]);
    assert.equal(sha256(output.bytes), sha256(input));
    assert.equal(sha256(errorOutput.bytes), sha256(input));
    assert.equal(status, 9);
    assert.equal(driver.cuts, CUTS);
  });
});

/** Starts real machines, and cuts their link whenever a further part of the output has arrived. */
class CuttingDriver implements HypervisorDriver {
  readonly #driver = new QemuDriver();
  #socket: Socket | undefined;
  cuts = 0;

  async start(
    specification: MachineSpecification,
    options: { readonly signal: AbortSignal },
  ): Promise<Machine> {
    const machine = await this.#driver.start(specification, options);
    return {
      pid: machine.pid,
      ended: machine.ended,
      destroy: () => machine.destroy(),
      connectLink: async () => (this.#socket = await machine.connectLink()),
    };
  }

  adopt(): undefined {
    return undefined;
  }

  progress(bytes: number, total: number): void {
    if (this.cuts >= CUTS || bytes < ((this.cuts + 1) * total) / (CUTS + 1)) return;
    this.cuts += 1;
    this.#socket?.destroy();
  }
}

/** Keeps what is written to it. */
class Collector extends Writable {
  readonly #chunks: Buffer[] = [];
  readonly #onProgress: (bytes: number) => void;
  #length = 0;

  constructor(onProgress: (bytes: number) => void) {
    super();
    this.#onProgress = onProgress;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    this.#onProgress(this.#length);
    done();
  }
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

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
