import assert from "node:assert/strict";
import { type Call, DEMO_IMAGE, type Finished, useHost } from "../support/vm-host.ts";
import { restartsOf, succeedOn } from "../support/vm-commands.ts";

const MEBIBYTE = 1024 * 1024;

/** More than is kept for a client that lags, and than fits on the way to it. */
const FURTHER_BYTES = 10 * MEBIBYTE;

describe("a client that stops reading", function () {
  this.timeout(120_000);
  const host = useHost();
  const succeed = succeedOn(host);

  beforeEach(async () => {
    const options = ["--log-opt", "max-size=1m"];
    await succeed("run", "-d", "--name", "printer", ...options, DEMO_IMAGE, "seq", "1000000000");
  });
  afterEach(() => succeed("rm", "-f", "printer"));

  const stopReading = async (): Promise<Call> => {
    const slow = host.start(["attach", "printer"]);
    await slow.stdout.expect(/^\d+$/m);
    slow.process.kill("SIGSTOP");
    return slow;
  };

  /** Another client gets more than is kept for this one, which reads again then. */
  const beLeftBehind = async (slow: Call): Promise<void> => {
    const other = host.start(["attach", "printer"]);
    await receive(other.process, FURTHER_BYTES);
    other.process.kill("SIGKILL");
    slow.process.kill("SIGCONT");
    assertCutOff(await slow.finished);
    await other.finished;
  };

  it("delays nobody, is cut off, and is told how much it has missed", async () => {
    const slow = await stopReading();
    await beLeftBehind(slow);
    assert.match(await succeed("exec", "printer", "echo", "still there"), /^still there$/m);
  });

  it("and comes back late after a crash of the agent is told so, too", async () => {
    const slow = await stopReading();
    await succeed("exec", "printer", "kill", "-SEGV", "1");
    await beLeftBehind(slow);
    assert.deepEqual(await restartsOf(host, "printer"), ["SEGV"]);
  });
});

/** It ended with how much it missed; what it had is whole: a line after the other. */
function assertCutOff({ status, stdout, stderr }: Finished): void {
  assert.equal(status, 1);
  const [, missed] = /^vch: .* (\d+) bytes of standard output were left out$/m.exec(stderr.toString()) ?? [];
  assert.ok(Number(missed) > 2 * MEBIBYTE, stderr.toString());
  const numbers = stdout.toString().split("\n").slice(1, -1).map(Number);
  assert.ok(numbers.every((number, index) => index === 0 || number === (numbers[index - 1] ?? 0) + 1));
}

/** Resolves once a process has printed so many bytes. */
function receive(
  { stdout }: { readonly stdout: NodeJS.ReadableStream | null },
  bytes: number,
): Promise<void> {
  return new Promise((resolve) => {
    let received = 0;
    stdout?.on("data", (chunk: Buffer) => {
      received += chunk.length;
      if (received >= bytes) resolve();
    });
  });
}
