import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { waitForFile } from "../support/vm-files.ts";
import { DEMO_IMAGE, type Finished, useHost, type VmHost } from "../support/vm-host.ts";

const MEBIBYTE = 1024 * 1024;

describe("the files of a container VM", () => {
  const host = useHost();

  // The host's own end comes behind that of all that is in here.
  describe("that runs", () => filesOf(host));
  describe("that does not run", () => filesAtRest(host));
});

function filesOf(host: VmHost): void {
  before(async () => {
    const script = "mkdir /data; ln -s /data /way; echo hello >/data/file; while :; do sleep 1; done";
    const { status, complaints } = await host.run([
      "run",
      "-d",
      "--name",
      "files",
      DEMO_IMAGE,
      "sh",
      "-c",
      script,
    ]);
    assert.equal(status, 0, complaints.join("\n"));
    mkdirSync(host.file(), { recursive: true });
  });
  after(() => host.run(["rm", "-f", "files"]));
  const vch = async (args: readonly string[], input?: Buffer): Promise<Buffer> => {
    const { status, stdout, complaints } = await host.run(args, input === undefined ? {} : { input });
    assert.equal(status, 0, complaints.join("\n"));
    return stdout;
  };

  it("are copied into it and out of it, byte for byte", async () => {
    const content = randomBytes(16 * MEBIBYTE);
    mkdirSync(host.file("tree/sub"), { recursive: true });
    writeFileSync(host.file("tree/sub/big"), content, { mode: 0o640 });
    symlinkSync("sub/big", host.file("tree/link"));
    await vch(["cp", host.file("tree"), "files:/data"]);
    const sum = await vch(["exec", "files", "sha256sum", "/data/tree/sub/big"]);
    assert.ok(
      sum
        .toString()
        .startsWith(execFileSync("sha256sum", [host.file("tree/sub/big")]).toString("utf8", 0, 64)),
    );
    await vch(["cp", "files:/data/tree", host.file("back")]);
    assert.ok(readFileSync(host.file("back/sub/big")).equals(content));
    assert.equal(statSync(host.file("back/sub/big")).mode & 0o777, 0o640);
    assert.deepEqual(readdirSync(host.file("back")), ["link", "sub"]);
  });

  it("go through tar archives on standard input and output", async () => {
    const archive = await vch(["cp", "files:/data/file", "-"]);
    assert.equal(execFileSync("tar", ["-xO"], { input: archive }).toString(), "hello\n");
    await vch(["cp", "-", "files:/way"], archive);
    assert.equal((await vch(["exec", "files", "cat", "/data/file"])).toString(), "hello\n");
  });

  it("are seen with the container's own mounts", async () => {
    await vch(["exec", "files", "sh", "-c", "echo shared >/dev/shm/x"]);
    await vch(["cp", "files:/dev/shm/x", host.file("shm")]);
    assert.equal(readFileSync(host.file("shm"), "utf8"), "shared\n");
  });

  it("that are not there are missed in Docker's words", async () => {
    const { status, complaints } = await host.run(["cp", "files:/none", host.file("x")]);
    assert.equal(status, 1);
    assert.match(complaints.join("\n"), /Could not find the file \/none/);
  });
}

function filesAtRest(host: VmHost): void {
  const vch = async (...args: readonly string[]): Promise<string> => {
    const { status, stdout, complaints } = await host.run(args);
    assert.deepEqual([status, complaints], [0, []], args.join(" "));
    return stdout.toString();
  };
  const facts = (): Promise<string> =>
    vch(
      "inspect",
      "-f",
      "{{.State.Status}} {{.State.ExitCode}} {{.State.StartedAt}} {{.State.FinishedAt}}",
      "rests",
    );
  before(async () => {
    mkdirSync(host.file(), { recursive: true });
    writeFileSync(host.file("given"), "given\n", { mode: 0o640 });
    await vch(
      "create",
      "--name",
      "rests",
      DEMO_IMAGE,
      "sh",
      "-c",
      "stat -c %u:%g:%a /given; echo left >/left; exit 3",
    );
  });
  after(() => host.run(["rm", "-f", "rests"]));

  it("are copied before it has ever run, and after; its state stays as it was", async () => {
    const created = await facts();
    await vch("cp", host.file("given"), "rests:/given");
    assert.equal(await facts(), created);
    const { status, stdout } = await host.run(["start", "-a", "rests"]);
    assert.deepEqual([status, stdout.toString()], [3, "0:0:640\n"]);
    const exited = await facts();
    await vch("cp", "rests:/left", host.file("left"));
    assert.equal(readFileSync(host.file("left"), "utf8"), "left\n");
    assert.deepEqual([await facts(), await vch("logs", "rests")], [exited, "0:0:640\n"]);
    assert.deepEqual(host.processes(), []);
  });

  it("that are not there are missed in Docker's words", async () => {
    const { status, complaints } = await host.run(["cp", "rests:/none", host.file("x")]);
    assert.equal(status, 1);
    assert.match(complaints.join("\n"), /Could not find the file \/none/);
  });

  it("keep whoever would start it waiting; nothing is left of a copy that is interrupted, or killed", async () => {
    const copy = (): {
      ended: Promise<Finished>;
      end: (signal: NodeJS.Signals) => void;
      input: NodeJS.WritableStream;
    } => {
      const call = host.start(["cp", "-", "rests:/"], { openInput: true });
      assert.ok(call.process.stdin !== null);
      return {
        ended: call.finished,
        end: (signal) => void call.process.kill(signal),
        input: call.process.stdin,
      };
    };
    const machine = (): Promise<string> =>
      waitForFile(
        host.state("containers"),
        /^[0-9a-f]{64}\/files\/(machine\/)?link\.sock$/,
        new Promise(() => {}),
      );
    const interrupted = copy();
    await machine();
    const start = host.start(["start", "-a", "rests"]);
    interrupted.end("SIGINT");
    assert.equal((await interrupted.ended).status, 130);
    assert.equal((await start.finished).status, 3);
    const killed = copy();
    await machine();
    killed.end("SIGKILL");
    await killed.ended;
    assert.equal((await host.run(["start", "-a", "rests"])).status, 3);
    const removed = copy();
    await machine();
    await vch("rm", "-f", "rests");
    assert.equal((await removed.ended).status, 1);
    host.assertNothingLeft();
  });
}
