import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { type CpioEntry, writeCpio } from "../../../iso-build/initramfs/index.ts";

const entries: CpioEntry[] = [
  { kind: "folder", path: "dev" },
  { kind: "character-device", path: "dev/console", permissions: 0o600, major: 5, minor: 1 },
  { kind: "file", path: "init", permissions: 0o755, content: Buffer.from("odd") },
  { kind: "file", path: "empty", permissions: 0o644, content: Buffer.alloc(0) },
  { kind: "file", path: "a-name-of-other-length", permissions: 0o644, content: Buffer.from("four") },
];

describe("the cpio writer", () => {
  it("writes what cpio reads back", () => {
    const listing = execFileSync("cpio", ["-tv", "--quiet", "--numeric-uid-gid"], {
      input: writeCpio(entries),
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
    });
    const lines = listing
      .trim()
      .split("\n")
      .map((line) => line.replaceAll(/\s+/g, " "));
    assert.deepEqual(lines, [
      "drwxr-xr-x 2 0 0 0 Jan 1 1970 dev",
      "crw------- 1 0 0 5, 1 Jan 1 1970 dev/console",
      "-rwxr-xr-x 1 0 0 3 Jan 1 1970 init",
      "-rw-r--r-- 1 0 0 0 Jan 1 1970 empty",
      "-rw-r--r-- 1 0 0 4 Jan 1 1970 a-name-of-other-length",
    ]);
  });

  it("keeps each file's content", () => {
    const read = (name: string) =>
      execFileSync("bsdtar", ["-xOf", "-", name], { input: writeCpio(entries), encoding: "utf8" });
    assert.equal(read("init"), "odd");
    assert.equal(read("empty"), "");
    assert.equal(read("a-name-of-other-length"), "four");
  });

  it("fills whole blocks", () => {
    assert.equal(writeCpio(entries).length % 512, 0);
    assert.equal(writeCpio([]).length, 512);
  });
});
