import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { ImageStore, parseImageReference } from "../../src/portlayer/storage/index.ts";
import { type CallOptions, DEMO_IMAGE, type Finished, useHost, VCH } from "../support/vm-host.ts";
import { waitForFile } from "../support/vm-files.ts";
import { writeBusyboxImage } from "../support/vm-images.ts";
import { startShellMachine } from "../support/vm-machine.ts";
import { ask } from "../support/vm-questions.ts";

/** What `vch -v` tells of a start. */
const MAKES = /^vch: making a template for machines of this shape$/m;
const FORKED = /^vch: guest: forked at \d+ ms$/m;
const BOOTED = /^vch: guest: stage 0 at \d+ ms$/m;
const NOT_FORKED = /^vch: no forked start: .+$/m;

/** Small: a template's memory is searched in these tests. */
const MEMORY = ["-m", "192m"];

describe("a forked start", () => {
  const host = useHost({ sharesTemplates: false });
  const run = async (args: readonly string[], options: CallOptions = {}): Promise<Finished> => {
    const result = await host.run(["-v", "run", "--rm", ...args], options);
    assert.equal(result.status, 0, result.stderr.toString());
    return result;
  };
  const shell = (script: string, ...options: readonly string[]): Promise<Finished> =>
    run([...MEMORY, ...options, DEMO_IMAGE, "sh", "-c", script]);
  const told = (result: Finished): string => result.stderr.toString();
  const answered = (result: Finished): string => result.stdout.toString();
  /** The only template. */
  const template = (...file: readonly string[]): string => {
    const [folder = "", ...others] = host.templates();
    assert.deepEqual(others, []);
    return join(folder, ...file);
  };

  const SECRETS = ["name-4f1d", "host-4f1d", "variable-4f1d", "argument-4f1d"] as const;
  const [name, hostname, variable, argument] = SECRETS;
  let first: Finished;
  before(async () => {
    const options = ["--name", name, "-h", hostname, "-e", `SECRET=${variable}`];
    first = await shell(`echo ${argument}; adjtimex`, ...options);
  });

  describe("of the first container of its shape", () => {
    it("makes a template, and goes on from it", () => {
      assert.match(told(first), MAKES);
      assert.match(told(first), FORKED);
      assert.equal(answered(first).split("\n")[0], argument);
      assert.deepEqual(host.unfinishedTemplates(), []);
    });

    it("has the host's time, though making the template took seconds", () => {
      const made = statSync(template("state")).mtimeMs;
      assert.ok(readTime(answered(first)) > made - 20, `${readTime(answered(first)) - made} ms`);
    });

    it("leaves nothing of the container in the template, nor any key", () => {
      const files = ["memory", "state"].map((file) => readFileSync(template(file)));
      // Every OpenSSH private key begins so, in base64.
      for (const secret of [...SECRETS, "b3BlbnNzaC1rZXktdjE"]) {
        for (const file of files) assert.equal(file.indexOf(secret), -1, secret);
      }
      assert.ok(
        files.some((file) => file.includes("Linux version ")),
        "nothing can be found in the template",
      );
    });
  });

  describe("of the next container", () => {
    it("goes on from the same template, without a boot", async () => {
      const before = statSync(template("memory"));
      const next = await shell("true");
      assert.match(told(next), FORKED);
      assert.doesNotMatch(told(next), MAKES);
      assert.doesNotMatch(told(next), BOOTED);
      const { ino, mtimeMs } = statSync(template("memory"));
      assert.deepEqual([ino, mtimeMs], [before.ino, before.mtimeMs]);
    });

    it("is none when it is asked to boot", async () => {
      const next = await shell("true", "--start", "cold");
      assert.match(told(next), BOOTED);
      assert.doesNotMatch(told(next), FORKED);
    });

    it("works for a user who may not open what is not his", async () => {
      const program = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override", VCH];
      const next = await run([...MEMORY, DEMO_IMAGE, "true"], { program });
      assert.match(told(next), FORKED);
    });

    it("has an identity and random numbers of its own", async () => {
      const questions = {
        hostname: "hostname",
        bootId: "cat /proc/sys/kernel/random/boot_id",
        uuid: "cat /proc/sys/kernel/random/uuid",
        random: "head -c 32 /dev/urandom | od -An -tx1",
        // Where the kernel places a program's stack is random, too.
        addresses: "grep stack /proc/self/maps",
      } as const;
      const one = await ask(host, [...MEMORY, DEMO_IMAGE], questions);
      const other = await ask(host, [...MEMORY, DEMO_IMAGE], questions);
      for (const question of Object.keys(questions) as (keyof typeof questions)[]) {
        assert.equal(one[question].status, 0, question);
        assert.ok(one[question].output.length > 10, question);
        assert.notEqual(one[question].output, other[question].output, question);
      }
    });

    it("has the host's time from its process's first moment, however old the template is", async () => {
      const before = Date.now();
      const age = before - statSync(template("state")).mtimeMs;
      assert.ok(age > 500, "the template is too young to tell");
      const time = readTime(answered(await shell("adjtimex")));
      // The document that carries the time is written behind `before`; the clock may be 10 ms off.
      assert.ok(time > before - 20 && time < Date.now() + 20, `${time - before} ms after the start`);
    });

    it("has the container's own disk, of whatever size", async () => {
      const image = await writeBusyboxImage(host.file("small"), {
        entries: [{ name: "etc/mark", data: "the small one\n" }],
      });
      const sizeBytes = 2 * 1024 ** 3;
      const images = new ImageStore({ root: host.state("images"), diskSizeBytes: sizeBytes });
      await images.acquire(parseImageReference(image), { signal: new AbortController().signal });
      const size = "cat /sys/block/$(basename $(awk '$2 == \"/\" { print $1 }' /proc/mounts))/size";
      const sizes = [];
      for (const [each, content] of [
        [image, "the small one\n"],
        [DEMO_IMAGE, ""],
      ] as const) {
        const result = await run([...MEMORY, each, "sh", "-c", `${size}; cat /etc/mark 2>/dev/null; true`]);
        assert.match(told(result), FORKED);
        const [sectors = "", ...rest] = answered(result).split("\n");
        sizes.push(Number(sectors) * 512);
        assert.equal(rest.join("\n"), content);
      }
      assert.equal(sizes[0], sizeBytes);
      assert.ok((sizes[1] ?? 0) > sizeBytes);
    });

    it("finds nothing of what the one before wrote, on its disk or in its memory", async () => {
      const files = "/left /dev/shm/left /root/left";
      const write = `for f in ${files}; do echo here > $f; done; sync; cat ${files}`;
      assert.equal(answered(await shell(write)), "here\nhere\nhere\n");
      assert.equal(answered(await shell(`ls ${files} 2>/dev/null; true`)), "");
    });

    it("does not wait for the one before to end", async () => {
      const args = ["-v", "run", "--rm", "-i", ...MEMORY, DEMO_IMAGE, "sh", "-c"];
      const longer = host.start([...args, "echo ready; read line; echo got $line"], { openInput: true });
      await longer.stdout.expect(/ready\n/);
      const shorter = await shell("echo short");
      assert.match(told(shorter), FORKED);
      assert.equal(answered(shorter), "short\n");
      longer.process.stdin?.end("it\n");
      const { status, stdout, stderr } = await longer.finished;
      assert.match(stderr.toString(), FORKED);
      assert.deepEqual([status, stdout.toString()], [0, "ready\ngot it\n"]);
    });
  });

  describe("with a template that is broken", () => {
    const breakages: Readonly<Record<string, () => void>> = {
      "a state that is garbage": () => {
        chmodSync(template("state"), 0o600);
        writeFileSync(template("state"), Buffer.alloc(400_000, "garbage"));
      },
      "a state that breaks off": () => {
        chmodSync(template("state"), 0o600);
        truncateSync(template("state"), 100_000);
      },
      "a memory that breaks off": () => truncateSync(template("memory"), 100 * 1024 * 1024),
      "a memory that is empty": () => truncateSync(template("memory"), 0),
    };
    for (const [what, breakIt] of Object.entries(breakages)) {
      it(`${what} is a cold one that works, and the next start makes a new template`, async () => {
        breakIt();
        const cold = await shell("echo works");
        assert.match(told(cold), NOT_FORKED);
        assert.match(told(cold), BOOTED);
        assert.equal(answered(cold), "works\n");
        assert.deepEqual(host.templates(), []);
        const next = await shell("true");
        assert.match(told(next), MAKES);
        assert.match(told(next), FORKED);
      });
    }
  });
});

describe("a template", () => {
  const host = useHost({ sharesTemplates: false });

  it("of another memory size is another one, and its forks have that memory", async () => {
    const script = "awk '/^MemTotal/ { print $2 }' /proc/meminfo";
    const totals = [];
    for (const memory of ["192m", "256m"]) {
      const args = ["-v", "run", "--rm", "-m", memory, DEMO_IMAGE, "sh", "-c", script];
      const { status, stdout, stderr } = await host.run(args);
      assert.equal(status, 0);
      assert.match(stderr.toString(), MAKES);
      totals.push(Number(stdout.toString()));
    }
    assert.equal(host.templates().length, 2);
    const [less = 0, more = 0] = totals;
    assert.ok(more - less > 50 * 1024, `${less} and ${more} KiB`);
  });

  it("is made while time passes, which its first fork makes up for as soon as it is connected", async () => {
    const call = host.start(
      ["-v", "run", "--rm", "-i", "-m", "208m", DEMO_IMAGE, "sh", "-c", "echo ready; read line; adjtimex"],
      { openInput: true },
    );
    await call.stderr.expect(MAKES);
    await call.stdout.expect(/ready\n/);
    const before = Date.now();
    call.process.stdin?.end("now\n");
    const { status, stdout } = await call.finished;
    const time = readTime(stdout.toString());
    assert.equal(status, 0);
    assert.ok(time > before - 1000 && time < Date.now() + 1000, `${time - before} ms off`);
  });

  describe("whose making is interrupted", () => {
    const startMaking = async (memory: string) => {
      const call = host.start(["-v", "run", "--rm", "-m", memory, DEMO_IMAGE, "true"]);
      await waitForFile(host.state("templates"), /\.\d+\.\d+\/(machine\/)?memory$/, call.finished);
      return call;
    };

    for (const [signal, status] of [
      ["SIGTERM", 143],
      ["SIGINT", 130],
    ] as const) {
      it(`by ${signal} leaves nothing`, async () => {
        const before = host.templates();
        const call = await startMaking("224m");
        call.process.kill(signal);
        const { status: seen, complaints } = await call.finished;
        assert.deepEqual([seen, complaints.filter((line) => !MAKES.test(line))], [status, []]);
        host.assertNothingLeft();
        assert.deepEqual(host.templates(), before);
      });
    }

    it("by SIGKILL leaves what the next start clears away", async () => {
      const call = await startMaking("224m");
      call.process.kill("SIGKILL");
      await call.finished;
      assert.equal(host.unfinishedTemplates().length, 1);
      const orphans = host.processes();
      const { status } = await host.run(["run", "--rm", "-m", "192m", DEMO_IMAGE, "true"]);
      assert.equal(status, 0);
      assert.deepEqual(host.unfinishedTemplates(), []);
      assert.deepEqual(
        host.processes().filter((pid) => orphans.includes(pid)),
        [],
      );
      // The container that never was is the user's to remove.
      for (const id of host.containers()) await host.run(["rm", "-f", id]);
    });
  });

  it("that the disk has no place for is none: the container boots, and nothing is left of it", async () => {
    // In a mount namespace of its own: the disk is gone with the command.
    const script = `
      mount -t tmpfs -o size=48m none "$VCH_STATE/templates" && "$0" "$@"; status=$?
      ls -A "$VCH_STATE/templates"; exit $status`;
    const program = ["unshare", "-m", "sh", "-c", script, VCH];
    const result = await host.run(["-v", "run", "--rm", "-m", "240m", DEMO_IMAGE, "echo", "works"], {
      program,
    });
    assert.deepEqual([result.status, result.stdout.toString()], [0, "works\n"]);
    assert.match(result.stderr.toString(), NOT_FORKED);
    assert.match(result.stderr.toString(), BOOTED);
  });
});

describe("the agents of two forks", () => {
  const host = useHost();

  it("have different random numbers, though they were one and the host gave both the same seed", async () => {
    const cookies = [];
    for (const name of ["one", "other"]) {
      const { machine } = await startShellMachine(host, { start: "forked", name });
      try {
        cookies.push(await readCookie(await machine.connectLink()));
      } finally {
        await machine.destroy();
      }
    }
    const [one, other] = cookies;
    assert.equal(one?.length, 32);
    assert.notEqual(one, other);
  });
});

/** What busybox's adjtimex shows, in milliseconds. */
function readTime(output: string): number {
  const [, seconds] = /time\.tv_sec:\s*(\d+)/.exec(output) ?? [];
  const [, microseconds] = /time\.tv_usec:\s*(\d+)/.exec(output) ?? [];
  return Number(seconds) * 1000 + Number(microseconds) / 1000;
}

/** The first random bytes that an agent sends: the cookie of its SSH_MSG_KEXINIT (RFC 4253 section 7.1), in hexadecimal. */
async function readCookie(socket: Socket): Promise<string> {
  socket.write("SSH-2.0-test\r\n");
  let received = Buffer.alloc(0);
  for (;;) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    received = Buffer.concat([received, chunk]);
    const start = received.indexOf("\r\n") + 2;
    // Length (4 bytes), padding's length (1), message number (1), cookie (16).
    if (start < 2 || received.length < start + 22) continue;
    assert.equal(received[start + 5], 20);
    socket.destroy();
    return received.subarray(start + 6, start + 22).toString("hex");
  }
}
