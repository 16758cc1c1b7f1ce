import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { CollectingSink } from "../../support/collecting-sink.ts";
import { type NativeSession, shell, useNativeSessions } from "../../support/native-session.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const MEBIBYTE = 1024 * 1024;
const byChoice = (): boolean => true;
const words = (...args: string[]): Uint8Array[] => args.map((arg) => Buffer.from(arg));
const exited = (code: number): object => ({ code, signal: 0, coreDumped: false });

/** Everything that a session's process wrote, read only after it was reported as ended. */
async function outputOf(native: NativeSession): Promise<{ output: string; errorOutput: string }> {
  await native.outcome;
  const { output, errorOutput } = native.attach();
  await Promise.all([output.ended, errorOutput.ended]);
  return { output: output.text, errorOutput: errorOutput.text };
}

describe("a session", () => {
  const start = useNativeSessions();
  const folder = useTemporaryFolder();

  it("reports a process's exit behind its last byte, 200 times out of 200", async () => {
    for (let batch = 0; batch < 20; batch++) {
      const sessions = Array.from({ length: 10 }, (_, index) =>
        start({ args: shell(`echo ${index}; exit ${index}`) }),
      );
      for (const [index, native] of sessions.entries()) {
        assert.deepEqual(await native.outcome, exited(index));
        assert.equal((await outputOf(native)).output, `${index}\n`);
      }
    }
  }).timeout(20_000);

  it("keeps output and error output apart", async () => {
    const native = start({ args: shell("echo out; echo err >&2; echo more; exit 7") });
    assert.deepEqual(await outputOf(native), { output: "out\nmore\n", errorOutput: "err\n" });
    assert.deepEqual(await native.outcome, exited(7));
  });

  it("tells that the process runs before it tells how it ended, each once", async () => {
    const native = start({ args: shell("exit 0") });
    const pid = await native.started;
    assert.ok(pid !== undefined && pid > 1);
    await native.outcome;
    assert.deepEqual(native.session.state, { phase: "drained", pid, exit: exited(0) });
  });

  it("reports the signal that ended a process", async () => {
    assert.deepEqual(await start({ args: shell("kill -TERM $$") }).outcome, {
      code: 0,
      signal: 15,
      coreDumped: false,
    });
    assert.deepEqual(await start({ args: shell("kill -40 $$") }).outcome, {
      code: 0,
      signal: 40,
      coreDumped: false,
    });
  });

  it("passes a signal on to the process, and to its group only when asked", async () => {
    const native = start({
      args: shell("trap 'echo caught; exit 3' USR1; echo ready; while :; do sleep 0.01; done"),
    });
    const { output } = native.attach();
    await output.until(({ text }) => text === "ready\n");
    native.session.signal(10, false);
    assert.deepEqual(await native.outcome, exited(3));
    await output.ended;
    assert.equal(output.text, "ready\ncaught\n");
    assert.throws(() => native.session.signal(15, false), { code: "no-such-session" });

    const group = start({ args: shell("echo ready; sleep 100; echo not reached") });
    const { output: groupOutput } = group.attach();
    await groupOutput.until(({ text }) => text === "ready\n");
    group.session.signal(9, true);
    assert.deepEqual(await group.outcome, { code: 0, signal: 9, coreDumped: false });
    await groupOutput.ended;
  });

  it("is not held back for ever by a grandchild that keeps the output open, and loses nothing until then", async () => {
    const begin = Date.now();
    const native = start({ args: shell("(echo early; trap '' HUP; exec sleep 60) & echo $!; exit 5") });
    assert.deepEqual(await native.outcome, exited(5));
    const waitedMs = Date.now() - begin;
    assert.ok(waitedMs < 4000, `${waitedMs} ms`);
    const lines = (await outputOf(native)).output.trim().split("\n");
    const [pid] = lines.filter((line) => line !== "early");
    assert.ok(lines.includes("early"));
    process.kill(Number(pid), "SIGKILL");
  });

  it("waits for the output of a grandchild that ends soon", async () => {
    const native = start({ args: shell("(sleep 0.2; echo late) & exit 0") });
    assert.equal((await outputOf(native)).output, "late\n");
  });

  it("ends with 127 or 126 and a message that names the command when that cannot run", async () => {
    const plainFile = join(folder.path, "plain");
    writeFileSync(plainFile, "no program");
    const noFormat = join(folder.path, "noformat");
    writeFileSync(noFormat, "\0\0\0\0");
    chmodSync(noFormat, 0o755);
    const table: ReadonlyArray<readonly [string, number, string]> = [
      ["nosuchcommand", 127, 'exec: "nosuchcommand": executable file not found in $PATH'],
      ["/no/such", 127, 'exec: "/no/such": stat /no/such: no such file or directory'],
      ["", 127, 'exec: "": executable file not found in $PATH'],
      [plainFile, 126, `exec: "${plainFile}": permission denied`],
      [folder.path, 126, `exec: "${folder.path}": is a directory`],
      [noFormat, 126, `exec: "${noFormat}": exec format error`],
    ];
    for (const [command, exitCode, message] of table) {
      const native = start({ args: words(command, "argument") });
      const error = await native.outcome;
      assert.ok(error instanceof TetherError, command);
      assert.equal(error.message, message);
      assert.equal(error.entry.exitCode, exitCode);
      assert.equal(await native.started, undefined);
      assert.equal(native.session.state.phase, "failed");
      const { output, errorOutput } = native.attach();
      await Promise.all([output.ended, errorOutput.ended]);
      assert.equal(output.length + errorOutput.length, 0);
    }
  });

  it("ends with the reason when user or working directory cannot be", async () => {
    const noUser = await start({ user: "nosuchuser" }).outcome;
    assert.ok(noUser instanceof TetherError && noUser.code === "user-not-found");
    const file = join(folder.path, "file");
    writeFileSync(file, "");
    const noFolder = await start({ workingDirectory: Buffer.from(`${file}/below`) }).outcome;
    assert.ok(noFolder instanceof TetherError && noFolder.code === "working-directory");
    assert.ok(noFolder.message.includes(`${file}/below`));
  });

  it("ends the streams of clients that came before a launch that fails", async () => {
    const native = start({ args: words("nosuchcommand") });
    const { output, errorOutput } = native.attach();
    await Promise.all([native.outcome, output.ended, errorOutput.ended]);
    assert.equal(output.length + errorOutput.length, 0);
  });

  it("runs the process as its user, in its folder, which is made when it is missing", async () => {
    const directory = join(folder.path, "made/for/it");
    chmodSync(folder.path, 0o755);
    const native = start({
      args: shell("id -u; id -g; pwd; umask; echo $A; cat /proc/self/status | grep -E '^(CapEff|Groups)'"),
      user: "1234:4321",
      workingDirectory: Buffer.from(directory),
      environment: words("A=b=c"),
    });
    const { output } = await outputOf(native);
    assert.deepEqual(
      output
        .trim()
        .split("\n")
        .map((line) => line.trim()),
      ["1234", "4321", directory, "0022", "b=c", "Groups:\t4321", `CapEff:\t${"0".repeat(16)}`],
    );
    assert.equal(statSync(directory).uid, 0);
  });

  it("lets a process that is not root open its streams anew by name", async () => {
    const native = start({
      args: shell("echo to output >/dev/stdout; echo to error >/dev/stderr; cat /dev/stdin"),
      user: "1234",
      openStdin: true,
    });
    const client = new PassThrough();
    native.session.input.attach(client, byChoice);
    client.end("from input\n");
    assert.deepEqual(await outputOf(native), {
      output: "to output\nfrom input\n",
      errorOutput: "to error\n",
    });
  });

  it("gives a process without open input an input that is empty", async () => {
    assert.equal((await outputOf(start({ args: shell("cat; echo end") }))).output, "end\n");
  });

  it("ends a process's input when its client does", async () => {
    const native = start({ args: words("/bin/cat"), openStdin: true });
    const client = new PassThrough();
    native.session.input.attach(client, byChoice);
    client.end("text without a line's end");
    assert.equal((await outputOf(native)).output, "text without a line's end");
    assert.deepEqual(await native.outcome, exited(0));
  });

  it("carries a mebibyte of every kind of byte both ways unchanged", async () => {
    const native = start({ args: words("/bin/cat"), openStdin: true });
    const content = randomBytes(MEBIBYTE);
    const { output } = native.attach();
    const client = new PassThrough();
    native.session.input.attach(client, byChoice);
    client.end(content);
    await output.ended;
    assert.ok(output.bytes.equals(content));
    assert.deepEqual(await native.outcome, exited(0));
  });

  it("goes on when the process does not read its input and ends", async () => {
    const native = start({ args: shell("exec 0<&-; echo closed"), openStdin: true });
    const client = new PassThrough();
    native.session.input.attach(client, byChoice);
    client.end(randomBytes(MEBIBYTE));
    assert.equal((await outputOf(native)).output, "closed\n");
    assert.deepEqual(await native.outcome, exited(0));
  });

  it("keeps the output of the time when nobody was attached, for each who comes", async () => {
    const native = start({ args: shell("echo early; read line; echo $line"), openStdin: true });
    const [first, second] = [native.attach(), native.attach()];
    await first.output.until(({ text }) => text === "early\n");
    const client = new PassThrough();
    native.session.input.attach(client, byChoice);
    client.end("late\n");
    await Promise.all([first.output.ended, second.output.ended]);
    assert.deepEqual([first.output.text, second.output.text], ["early\nlate\n", "early\nlate\n"]);
  });

  it("holds the process back while a client does not read, and loses nothing", async () => {
    const native = start({ args: shell(`head -c ${3 * MEBIBYTE} /dev/zero; echo done >&2`) });
    const stalled = new CollectingSink(1);
    const errors = new CollectingSink();
    native.session.attach({
      output: stalled,
      errorOutput: errors,
      outputOffset: 0,
      errorOutputOffset: 0,
      kind: "hold",
    });
    await stalled.until(({ length }) => length > 0);
    const other = start({ args: shell("echo meanwhile") });
    assert.equal((await outputOf(other)).output, "meanwhile\n");
    assert.equal(native.session.state.phase, "running");
    assert.equal(errors.length, 0);
    stalled.allow();
    await stalled.ended;
    assert.equal(stalled.length, 3 * MEBIBYTE);
    assert.deepEqual(await native.outcome, exited(0));
  });

  it("goes on at the offsets that a client names", async () => {
    const native = start({ args: shell("printf 0123456789; printf abcdef >&2") });
    await native.outcome;
    const [output, errorOutput] = [new CollectingSink(), new CollectingSink()];
    native.session.attach({ output, errorOutput, outputOffset: 4, errorOutputOffset: 6, kind: "follow" });
    await Promise.all([output.ended, errorOutput.ended]);
    assert.deepEqual([output.text, errorOutput.text], ["456789", ""]);
  });

  it("leaves no descriptor open, whether the process ran or not", async () => {
    const run = async (): Promise<void> => {
      const ran = [
        start({ args: shell("echo x"), openStdin: true }),
        start({ args: shell("echo x"), tty: true, openStdin: true }),
      ];
      for (const native of ran) await outputOf(native);
      const failed = [
        start({ args: words("nosuchcommand"), openStdin: true }),
        start({ args: words("nosuchcommand"), tty: true, openStdin: true }),
        start({ user: "nosuchuser" }),
      ];
      for (const native of failed) await native.outcome;
      for (const { session } of [...ran, ...failed]) session.discard();
    };
    // A descriptor is closed in the turn after its stream was destroyed.
    const count = async (): Promise<number> => {
      await new Promise(setImmediate);
      return readdirSync("/proc/self/fd").length;
    };
    await run();
    const before = await count();
    for (let times = 0; times < 5; times++) await run();
    assert.ok((await count()) <= before);
  });
});

describe("a session with a terminal", () => {
  const start = useNativeSessions();

  it("has its size before the process looks, or 80 by 24 when none is known", async () => {
    const window = { columns: 132, rows: 43 };
    assert.equal(
      (await outputOf(start({ args: shell("stty size"), tty: true, window }))).output,
      "43 132\r\n",
    );
    assert.equal((await outputOf(start({ args: shell("stty size"), tty: true }))).output, "24 80\r\n");
  });

  it("is the process's controlling terminal, with job control", async () => {
    const native = start({
      args: shell("tty; test -t 0 && test -t 1 && test -t 2 && echo all; echo on >/dev/tty"),
      tty: true,
    });
    const lines = (await outputOf(native)).output.split("\r\n");
    assert.match(lines[0] ?? "", /^\/dev\/pts\/\d+$/);
    assert.deepEqual(lines.slice(1), ["all", "on", ""]);
  });

  it("tells the process of a new size", async () => {
    const native = start({
      args: shell("trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.01; done"),
      tty: true,
    });
    const { output } = native.attach();
    await output.until(({ text }) => text === "ready\r\n");
    native.session.resize({ columns: 100, rows: 50 });
    await output.ended;
    assert.equal(output.text, "ready\r\n50 100\r\n");
    native.session.resize({ columns: 1, rows: 1 });
  });

  it("takes typed lines, and echoes them", async () => {
    const native = start({ args: shell('read line; echo "<$line>"'), tty: true, openStdin: true });
    const { output } = native.attach();
    const client = new PassThrough();
    native.session.input.attach(client, byChoice);
    client.write("typed\r");
    await output.ended;
    assert.equal(output.text, "typed\r\n<typed>\r\n");
    assert.deepEqual(await native.outcome, exited(0));
  });

  it("sends ^C to the process in the foreground", async () => {
    const native = start({
      args: shell("trap 'exit 9' INT; echo ready; while :; do sleep 0.01; done"),
      tty: true,
      openStdin: true,
    });
    const { output } = native.attach();
    const client = new PassThrough();
    native.session.input.attach(client, byChoice);
    await output.until(({ text }) => text === "ready\r\n");
    client.write("\u0003");
    assert.deepEqual(await native.outcome, exited(9));
  });

  it("stays open when its client's input ends, as Docker has it", async () => {
    const native = start({ args: shell("read line; echo read $?"), tty: true, openStdin: true });
    const { output } = native.attach();
    const gone = new PassThrough();
    native.session.input.attach(gone, byChoice);
    gone.end();
    const client = new PassThrough();
    native.session.input.attach(client, byChoice);
    client.write("x\r");
    await output.ended;
    assert.equal(output.text, "x\r\nread 0\r\n");
  });

  it("loses nothing of what a process writes at once before it ends", async () => {
    const { output } = await outputOf(start({ args: shell("seq 1 20000"), tty: true }));
    const expected = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\r\n`).join("");
    assert.equal(output.length, expected.length);
    assert.ok(output === expected);
  });

  it("belongs to the process's user", async () => {
    const native = start({
      args: shell("stat -c '%u %g' $(tty); echo anew >$(tty)"),
      tty: true,
      user: "1234:4321",
    });
    assert.equal((await outputOf(native)).output, "1234 5\r\nanew\r\n");
  });
});

describe("a process of a session", () => {
  const start = useNativeSessions();

  it("has Docker's capabilities in its bounding set, and no others", async () => {
    const { output } = await outputOf(start({ args: words("/bin/cat", "/proc/self/status") }));
    const own = BigInt(`0x${/^CapBnd:\s*(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`);
    const bounding = BigInt(`0x${/^CapBnd:\s*(\w+)$/m.exec(output)?.[1]}`);
    assert.equal(bounding, 0xa80425fbn & own);
  });

  it("has nothing open but its three streams", async () => {
    const { output } = await outputOf(start({ args: words("/bin/ls", "/proc/self/fd"), openStdin: true }));
    // The fourth is the folder that ls reads.
    assert.deepEqual(output.trim().split("\n"), ["0", "1", "2", "3"]);
  });
});
