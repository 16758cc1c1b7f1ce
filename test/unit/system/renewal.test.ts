import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { built } from "../../support/native-system.ts";
import { linux } from "./linux.ts";

const run = promisify(execFile);

/** The child takes a fraction of a second; the machine may be busy with virtual machines. */
const LIMIT_MS = 20_000;

/**
 * Stands before the C library, as LD_PRELOAD has it, and tells what passes: entropy that the kernel is given, and
 * that OpenSSL takes from it (getentropy(3) where there is one, its providers/.../rand_unix.c).
 */
const WITNESS = `
  #define _GNU_SOURCE
  #include <linux/random.h>
  #include <stdio.h>
  #include <sys/syscall.h>
  #include <sys/types.h>
  #include <unistd.h>
  int getentropy(void *buffer, size_t length) {
    dprintf(1, "drawn\\n");
    return syscall(SYS_getrandom, buffer, length, 0) == (long)length ? 0 : -1;
  }
  ssize_t getrandom(void *buffer, size_t length, unsigned int flags) {
    dprintf(1, "drawn\\n");
    return syscall(SYS_getrandom, buffer, length, flags);
  }
  int ioctl(int descriptor, unsigned long request, void *argument) {
    const struct rand_pool_info *pool = argument;
    if (request == RNDADDENTROPY)
      dprintf(1, "given %d bits: %.*s\\n", pool->entropy_count, pool->buf_size, (const char *)pool->buf);
    if (request == RNDRESEEDCRNG) dprintf(1, "kernel reseeded\\n");
    return syscall(SYS_ioctl, descriptor, request, argument);
  }
`;

describe("renewing what a fork has of its template", function () {
  this.timeout(LIMIT_MS);

  it("takes 32 to 512 bytes of a Uint8Array for randomness", () => {
    for (const length of [32, 64, 512]) linux.seedRandom(randomBytes(length));
    for (const length of [0, 31, 513]) {
      assert.throws(() => linux.seedRandom(randomBytes(length)), {
        name: "TypeError",
        message: /^seed must be a Uint8Array of 32 to 512 bytes/,
      });
    }
    // Each of these is a mistake that the compiler would refuse; the addon must not crash on it.
    const mistakes = [undefined, null, "x".repeat(64), 64, {}, new ArrayBuffer(64), new Uint16Array(64)];
    for (const mistake of [...mistakes, new Int8Array(64), new DataView(new ArrayBuffer(64))]) {
      assert.throws(() => linux.seedRandom(mistake as Uint8Array), TypeError);
    }
  });

  it("takes the bytes of a view, not those around it", () => {
    assert.throws(() => linux.seedRandom(new Uint8Array(new ArrayBuffer(1024), 100, 31)), TypeError);
    linux.seedRandom(new Uint8Array(randomBytes(1024).buffer, 100, 32));
  });

  it("takes whole milliseconds that a clock can have", () => {
    // None of them is a time: the machine's clock stays as it is.
    const mistakes: readonly unknown[] = [-1, 0.5, Number.NaN, Infinity, 2 ** 52 + 1, "0", 0n, undefined];
    for (const mistake of mistakes) {
      assert.throws(() => linux.setClock(mistake as number), {
        name: "TypeError",
        message: /^milliseconds must be/,
      });
    }
  });

  it("passes on that the kernel does not let it set the clock", async () => {
    // Without the capability (capabilities(7)) nothing can be set, whatever the time.
    const source = `${addonSource()} try { addon.setClock(Date.now()); } catch (error) { console.log(error.code, error.syscall); }`;
    const node = [process.execPath, "-e", source];
    const { stdout } = await run("setpriv", ["--bounding-set=-sys_time", "--inh-caps=-sys_time", ...node]);
    assert.equal(stdout, "EPERM clock_settime\n");
  });

  describe("of the kernel and of Node's OpenSSL", () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), "witness-"));
      writeFileSync(join(folder, "witness.c"), WITNESS);
      const library = join(folder, "witness.so");
      execFileSync("gcc", ["-shared", "-fPIC", "-o", library, join(folder, "witness.c")]);
    });
    after(() => rmSync(folder, { recursive: true }));

    /** Runs steps in a Node of its own. @returns what the witness told of each. */
    const testimony = async (...steps: readonly string[]): Promise<string[][]> => {
      const source = `${addonSource()}
        const fs = require("node:fs");
        const crypto = require("node:crypto");
        // What is drawn for the first use is drawn here.
        crypto.randomBytes(32);
        ${steps.map((step) => `fs.writeSync(1, "step\\n"); ${step};`).join("\n")}
      `;
      // The sanitizer run has a library of its own there.
      const libraries = [process.env["LD_PRELOAD"] ?? "", join(folder, "witness.so")];
      const environment = { ...process.env, LD_PRELOAD: libraries.join(":") };
      const { stdout } = await run(process.execPath, ["-e", source], { env: environment });
      const [, ...told] = stdout.split("step\n");
      return told.map((text) => text.split("\n").slice(0, -1));
    };

    it("gives the kernel the seed as full entropy, and then lets OpenSSL draw anew", async () => {
      const told = await testimony(
        ...['addon.seedRandom(Buffer.alloc(64, "a"))', 'addon.seedRandom(Buffer.alloc(32, "b"))'],
      );
      assert.deepEqual(told, [
        [`given 512 bits: ${"a".repeat(64)}`, "kernel reseeded", "drawn"],
        [`given 256 bits: ${"b".repeat(32)}`, "kernel reseeded", "drawn"],
      ]);
    });

    it("is needed: by itself OpenSSL goes on with what it has", async () => {
      const told = await testimony("crypto.randomBytes(32)", "crypto.generateKeyPairSync('ed25519')");
      assert.deepEqual(told, [[], []]);
    });
  });
});

/** Loads the addon, as a script has it. */
function addonSource(): string {
  return `
    const loaded = { exports: {} };
    process.dlopen(loaded, ${JSON.stringify(built("tether.node"))});
    const addon = loaded.exports;
  `;
}
