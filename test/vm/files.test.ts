import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { DEMO_IMAGE, useHost, type VmHost } from "../support/vm-host.ts";

const MEBIBYTE = 1024 * 1024;

describe("the files of a container VM", () => {
  const host = useHost();

  // The host's own end comes behind that of all that is in here.
  describe("that runs", () => filesOf(host));
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
