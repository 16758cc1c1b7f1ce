import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { constants } from "node:os";
import { FATAL_SIGNALS } from "../../src/system/crash-plan.ts";
import { restartsOf, succeedOn } from "../support/vm-commands.ts";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { writeProgramImage } from "../support/vm-programs.ts";
import { Terminal } from "../support/vm-terminal.ts";

const KILLS = 50;

/**
 * What is printed before the next kill, at least: 3.5 MB only when the client is back, 1.3 MB, more than two pipes hold,
 * only when the agent reads again; with none it comes as soon as the agent can be killed, within its taking over. That
 * is not to last for more than five in a row, or the container is given up.
 */
const BETWEEN_KILLS_BYTES = [3_500_000, 0, 0, 0, 0, 1_300_000, 0, 0, 0, 0];

/** As the program prints them. */
const LINE_BYTES = 80;

const lineOf = (number: number): string => `${String(number).padStart(LINE_BYTES - 1, "0")}\n`;

/** Goes to a command while the agent is killed. */
const PIECE_BYTES = 64 * 1024;

const NAMES = Object.entries(constants.signals);
const nameOf = (signal: number): string =>
  NAMES.find(([, number]) => number === signal)?.[0].replace("SIG", "") ?? "";

describe("an agent that is killed, again and again", function () {
  this.timeout(200_000);
  const host = useHost();
  const succeed = succeedOn(host);
  /** By the container's root; the next agent reports how that ended, and only then is it ended in turn. */
  const killAgent = async (name: string, signals: readonly number[]): Promise<void> => {
    for (const signal of signals) assert.equal(await succeed("exec", name, "kill", `-${signal}`, "1"), "");
  };

  it("costs no byte of what a process prints without a pause, nor its status", async () => {
    const image = await writeProgramImage(host, "restless");
    const kills = Array.from({ length: KILLS }, (_, index) => at(FATAL_SIGNALS, index));
    const steps = kills.map((signal, index) => `${at(BETWEEN_KILLS_BYTES, index)}:${signal}`);
    const run = await host.run(["run", "--name", "printer", image, "restless", ...steps]);
    assert.equal(run.status, 7);
    const errorOutput = run.stderr.subarray(run.stderr.indexOf(lineOf(0)));
    assertCounted(run.stdout);
    assertCounted(errorOutput);
    const log = await host.run(["logs", "printer"]);
    assert.deepEqual([sha256(log.stdout), sha256(log.stderr)], [sha256(run.stdout), sha256(errorOutput)]);
    assert.deepEqual(await restartsOf(host, "printer"), kills.map(nameOf));
    assert.equal(await succeed("wait", "printer"), "7\n");
    await succeed("rm", "printer");
  });

  describe("while commands are executed", () => {
    before(() => succeed("run", "-d", "--name", "target", DEMO_IMAGE, "sleep", "1000"));
    after(() => succeed("rm", "-f", "target"));

    it("costs no byte of their input and output, nor their status", async () => {
      const copy = host.start(["exec", "-i", "target", "sh", "-c", "cat; exit 9"], { openInput: true });
      let isOver = false;
      const killed = killAgent("target", FATAL_SIGNALS).finally(() => (isOver = true));
      const input = await feed(copy.process, () => isOver || copy.process.exitCode !== null);
      await killed;
      const { status, stdout, complaints } = await copy.finished;
      assert.deepEqual([status, complaints, stdout.length], [9, [], input.length]);
      assert(input.length > 2 * 1024 * 1024, `${input.length} bytes are some MiB`);
      assert.equal(sha256(stdout), sha256(input));
      assert.deepEqual(await restartsOf(host, "target"), FATAL_SIGNALS.map(nameOf));
    });

    it("costs no status of those that end meanwhile", async () => {
      for (const code of [4, 5]) {
        const { status } = await host.run(["exec", "target", "sh", "-c", `kill -BUS 1; exit ${code}`]);
        assert.equal(status, code);
      }
    });
  });

  it("leaves a terminal as it is: input, size and ^C", async () => {
    const terminal = new Terminal(host, `bin/vch run -it --name tty ${DEMO_IMAGE} sh; echo status $?`, {
      columns: 80,
      rows: 24,
    });
    await terminal.screen.expect(/# /);
    for (const [index, signal] of FATAL_SIGNALS.entries()) {
      terminal.type(`kill -${signal} 1; echo $((40 + 2)) ${index}\r`);
      await terminal.screen.expect(new RegExp(`\\n42 ${index}\\r\\n`));
      terminal.type('read word\rtyped\recho "[$word]"\r');
      await terminal.screen.expect(/\n\[typed\]\r\n/);
      terminal.resize(90 + index, 30);
      terminal.type(`until [ "$(stty size)" = "30 ${90 + index}" ]; do :; done; echo si""zed\r`);
      await terminal.screen.expect(/\nsized\r\n/);
      // Of the process that ^C is for: of the shell's, it would come before there is one.
      terminal.type("sh -c 'echo wai\"\"ting; exec sleep 1000'\r");
      await terminal.screen.expect(/\nwaiting\r\n/);
      terminal.type("\x03");
      terminal.type("echo ended $?\r");
      await terminal.screen.expect(/\nended 130\r\n/);
    }
    terminal.type("exit 5\r");
    await terminal.screen.expect(/status 5/);
    assert.equal(await terminal.ended, 0);
    terminal.close();
    assert.deepEqual(await restartsOf(host, "tty"), FATAL_SIGNALS.map(nameOf));
    await succeed("rm", "tty");
  });

  it("costs no status of a process that ends meanwhile", async () => {
    const ends = (script: string): Promise<number> =>
      host.run(["run", "--rm", DEMO_IMAGE, "sh", "-c", script]).then(({ status }) => status);
    assert.equal(await ends("kill -SEGV 1; exit 6"), 6);
    assert.equal(await ends("sleep 1; kill -ABRT 1; kill -9 $$"), 137);
  });

  it("starts a process again by its restart policy, as often as that says", async () => {
    const script = "echo run; kill -SEGV 1; exit 9";
    const policy = ["--restart", "on-failure:2", "--name", "again"];
    await succeed("run", "-d", ...policy, DEMO_IMAGE, "sh", "-c", script);
    assert.equal(await succeed("wait", "again"), "9\n");
    assert.equal(await succeed("inspect", "-f", "{{.RestartCount}}", "again"), "2\n");
    assert.equal(await succeed("logs", "again"), "run\nrun\nrun\n");
    await succeed("rm", "again");
  });
});

/** The element at an index of a list without end, which repeats this one. */
function at(list: readonly number[], index: number): number {
  return list[index % list.length] ?? 0;
}

/** Every line once, in order. */
function assertCounted(bytes: Buffer): void {
  const count = bytes.length / LINE_BYTES;
  for (let line = 0; line < count; line++) {
    const text = bytes.toString("latin1", line * LINE_BYTES, (line + 1) * LINE_BYTES);
    if (text !== lineOf(line)) assert.fail(`line ${line} is ${JSON.stringify(text)}`);
  }
  assert(bytes.length > 3_000_000, `${bytes.length} bytes`);
}

/** Writes as fast as it is taken until it is over. @returns what it wrote. */
async function feed({ stdin }: ChildProcess, isOver: () => boolean): Promise<Buffer> {
  assert(stdin !== null);
  const pieces: Buffer[] = [];
  while (!isOver()) {
    const piece = randomBytes(PIECE_BYTES);
    pieces.push(piece);
    if (!stdin.write(piece)) await once(stdin, "drain");
  }
  stdin.end();
  return Buffer.concat(pieces);
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
