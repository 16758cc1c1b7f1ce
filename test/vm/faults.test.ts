import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { Terminal } from "../support/vm-terminal.ts";

const FATAL = ["SEGV", "BUS", "ILL", "FPE", "ABRT", "TRAP", "SYS"] as const;

/** Goes to the command while the agent is killed. */
const PIECE_BYTES = 64 * 1024;
const BETWEEN_PIECES_MS = 20;

describe("a container VM in which something goes wrong", function () {
  this.timeout(120_000);
  const host = useHost();

  /** What a vch prints that does what it should and has nothing to complain of. */
  const succeed = async (...args: string[]): Promise<string> => {
    const { status, stdout, complaints } = await host.run(args);
    assert.deepEqual([status, complaints], [0, []], args.join(" "));
    return stdout.toString();
  };
  const restartsOf = async (name: string): Promise<string[]> => {
    const filters = ["--filter", `container=${name}`, "--filter", "event=agent_restart"];
    const text = await succeed("events", "--since", "1h", "--until", "0s", ...filters);
    return [...text.matchAll(/ agent_restart .*reason=SIG([A-Z]+)/g)].map((match) => match[1] ?? "");
  };

  /** By the container's root; the next agent reports how that ended, and only then is it ended in turn. */
  const killAgent = async (name: string, signals: readonly string[]): Promise<void> => {
    for (const signal of signals) assert.equal(await succeed("exec", name, "kill", `-${signal}`, "1"), "");
  };

  describe("the agent, again and again", () => {
    it("loses no byte of what a process prints without a pause, nor its status", async () => {
      const script = "i=0; until [ -e /tmp/over ]; do echo $((i += 1)); done; echo over; exit 7";
      const run = host.start(["run", "--name", "printer", DEMO_IMAGE, "sh", "-c", script]);
      await run.stdout.expect(/^1\n/);
      await killAgent("printer", ["SEGV", "ABRT", "TRAP"]);
      await succeed("exec", "printer", "touch", "/tmp/over");
      const { status, stdout, complaints } = await run.finished;
      assert.deepEqual([status, complaints], [7, []]);
      const text = stdout.toString();
      assertCounted(text);
      assert.equal(await succeed("logs", "printer"), text);
      assert.equal(await succeed("inspect", "-f", "{{.State.ExitCode}}", "printer"), "7\n");
      await succeed("rm", "printer");
    });

    describe("while commands are executed", () => {
      before(() => succeed("run", "-d", "--name", "target", DEMO_IMAGE, "sleep", "1000"));
      after(() => succeed("rm", "-f", "target"));

      it("loses no byte of their input and output, nor their status", async () => {
        const copy = host.start(["exec", "-i", "target", "sh", "-c", "cat; exit 9"], { openInput: true });
        let isOver = false;
        const killed = killAgent("target", FATAL).finally(() => (isOver = true));
        const input = await feed(copy.process, () => isOver || copy.process.exitCode !== null);
        await killed;
        const { status, stdout, complaints } = await copy.finished;
        assert.deepEqual([status, complaints, stdout.length], [9, [], input.length]);
        assert(input.length > 2 * 1024 * 1024, `${input.length} bytes are some MiB`);
        assert.equal(sha256(stdout), sha256(input));
        assert.deepEqual(await restartsOf("target"), FATAL);
      });

      it("reports the status of those that end meanwhile", async () => {
        for (const code of [4, 5]) {
          const { status } = await host.run(["exec", "target", "sh", "-c", `kill -BUS 1; exit ${code}`]);
          assert.equal(status, code);
        }
      });
    });

    it("leaves a terminal as it is", async () => {
      const terminal = new Terminal(host, `bin/vch run -it --name tty ${DEMO_IMAGE} sh; echo status $?`, {
        columns: 80,
        rows: 24,
      });
      await terminal.screen.expect(/# /);
      for (const signal of ["SEGV", "SYS"]) {
        terminal.type(`kill -${signal} 1; echo $((40 + 2)) ${signal}\r`);
        await terminal.screen.expect(new RegExp(`\\n42 ${signal}\\r\\n`));
        terminal.type('read word\rtyped\recho "[$word]"\r');
        await terminal.screen.expect(/\n\[typed\]\r\n/);
        await new Promise((resolve) => setTimeout(resolve, 1500));
      }
      terminal.resize(100, 30);
      await new Promise((resolve) => setTimeout(resolve, 500));
      terminal.type("stty size; exit 5\r");
      await terminal.screen.expect(/30 100\r\n/);
      await terminal.screen.expect(/status 5/);
      assert.equal(await terminal.ended, 0);
      terminal.close();
      assert.deepEqual(await restartsOf("tty"), ["SEGV", "SYS"]);
      await succeed("rm", "tty");
    });

    it("reports the status of a process that ends meanwhile", async () => {
      const ends = (script: string): Promise<number> =>
        host.run(["run", "--rm", DEMO_IMAGE, "sh", "-c", script]).then(({ status }) => status);
      assert.equal(await ends("kill -SEGV 1; exit 6"), 6);
      assert.equal(await ends("sleep 1; kill -ABRT 1; kill -9 $$"), 137);
    });

    it("starts a process again by its restart policy, as often as that says", async () => {
      const script = "echo run; kill -SEGV 1; exit 9";
      await succeed(
        "run",
        "-d",
        "--restart",
        "on-failure:2",
        "--name",
        "again",
        DEMO_IMAGE,
        "sh",
        "-c",
        script,
      );
      assert.equal(await succeed("wait", "again"), "9\n");
      assert.equal(await succeed("inspect", "-f", "{{.RestartCount}}", "again"), "2\n");
      assert.equal(await succeed("logs", "again"), "run\nrun\nrun\n");
      await succeed("rm", "again");
    });
  });
});

/** Every line once, in order, then the last. */
function assertCounted(text: string): void {
  const lines = text.split("\n");
  assert.deepEqual(lines.slice(-2), ["over", ""]);
  const wrong = lines.slice(0, -2).findIndex((line, index) => line !== String(index + 1));
  assert.equal(wrong, -1, `line ${wrong + 1} is ${lines[wrong]}`);
  assert(lines.length > 1000, `${lines.length} lines`);
}

/** Writes without a longer pause until it is over. @returns what it wrote. */
async function feed({ stdin }: ChildProcess, isOver: () => boolean): Promise<Buffer> {
  assert(stdin !== null);
  stdin.on("error", () => {});
  const pieces: Buffer[] = [];
  while (!isOver()) {
    const piece = randomBytes(PIECE_BYTES);
    pieces.push(piece);
    if (!stdin.write(piece)) await once(stdin, "drain");
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_PIECES_MS));
  }
  stdin.end();
  return Buffer.concat(pieces);
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
