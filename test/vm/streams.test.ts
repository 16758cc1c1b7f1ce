import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { DEMO_IMAGE, type Finished, useHost } from "../support/vm-host.ts";

const MEBIBYTE = 1024 * 1024;

describe("the streams of a container's process", () => {
  const host = useHost();
  const run = (options: string[], ...command: string[]): Promise<Finished> =>
    host.run(["run", "--rm", ...options, DEMO_IMAGE, ...command]);

  describe("a process that copies 8 MiB of anything to both outputs and ends with 7", () => {
    const input = randomBytes(8 * MEBIBYTE);
    let result: Finished;
    before(async () => {
      result = await host.run(["run", "--rm", "-i", DEMO_IMAGE, "sh", "-c", "tee /dev/stderr; exit 7"], {
        input,
      });
    });

    it("gets every byte, then the end of its input", () => {
      assert.equal(result.stdout.length, input.length);
    });

    it("has every byte arrive on standard output", () => {
      assert.equal(sha256(result.stdout), sha256(input));
    });

    it("has every byte arrive on standard error, apart", () => {
      assert.equal(sha256(result.stderr), sha256(input));
    });

    it("gives its exit code", () => {
      assert.equal(result.status, 7);
    });
  });

  describe("a process without -i whose grandchild holds its outputs", () => {
    const args = [
      "",
      " ",
      "a|b||c",
      "line 1\nline 2\n",
      "'single' \"double\" `back` $HOME \\n",
      "zażółć gęślą jaźń 容器 🚢",
      "--",
      "-t",
      "*",
      "x".repeat(100_000),
      ...Array.from({ length: 1000 }, (_, index) => `argument ${index} ${"y".repeat(500)}`),
    ];
    const script = `
      [ -z "$(cat)" ] && echo "the input is empty" >&2
      printf '%s\\0' "$@"
      sleep 1000 & echo "the last line"
      exit 3`;
    let result: Finished;
    before(async () => {
      result = await run([], "sh", "-c", script, "name", ...args);
    });

    it("has an empty input", () => {
      assert.equal(result.stderr.toString(), "the input is empty\n");
    });

    it("gets its arguments as they were written", () => {
      const words = result.stdout.toString("utf8").split("\0").slice(0, -1);
      assert.deepEqual(words, args);
    });

    it("loses nothing of its output", () => {
      assert.match(result.stdout.subarray(-20).toString(), /\0the last line\n$/);
    });

    it("ends when it ends", () => {
      assert.equal(result.status, 3);
    });
  });

  it("carry the whole output of a process that ends at once, every time", async () => {
    for (const size of [1, 65_536, 1_000_000]) {
      const result = await run([], "head", "-c", String(size), "/dev/zero");
      assert.deepEqual([result.status, result.stdout.length, result.complaints], [0, size, []]);
    }
  });

  it("carry the output of a process that a signal ends, and its status is 128 plus the signal", async () => {
    const result = await run([], "sh", "-c", "echo before; kill -SEGV $$");
    assert.deepEqual([result.status, result.stdout.toString(), result.complaints], [139, "before\n", []]);
  });

  it("are not awaited: a process that ends while its input is open ends the command", async () => {
    const call = host.start(["run", "--rm", "-i", DEMO_IMAGE, "sh", "-c", "head -c 3; exit 4"], {
      openInput: true,
    });
    call.process.stdin?.write("abcdef");
    const result = await call.finished;
    assert.deepEqual([result.status, result.stdout.toString(), result.complaints], [4, "abc", []]);
  });

  it("end with the reader: who closes the command's output ends it", async () => {
    const call = host.start(["run", "--rm", DEMO_IMAGE, "yes"]);
    await call.stdout.expect(/y\ny\n/);
    call.process.stdout?.destroy();
    const result = await call.finished;
    assert.deepEqual(result.complaints, []);
    assert.notEqual(result.status, 0);
  });
});

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
