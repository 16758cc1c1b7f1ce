import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { built } from "../../support/native-system.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const FILES = [
  ...["dhcp-event", "floor", "inherited-files.so", "own-user"],
  ...["pty.node", "stage0", "tether-exec", "tether.node"],
];

describe("native/build.mjs", () => {
  let copy = "";
  before(() => {
    copy = mkdtempSync(join(tmpdir(), "native-"));
    cpSync(join(root, "native"), join(copy, "native"), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  });
  after(() => rmSync(copy, { recursive: true, force: true }));

  const build = () =>
    spawnSync(process.execPath, [join(copy, "native/build.mjs")], { cwd: "/", encoding: "utf8" });

  it("builds the same bytes in another folder, and says nothing", () => {
    const { status, stdout, stderr } = build();
    assert.deepEqual([status, stdout, stderr], [0, "", ""]);
    const folder = join(copy, "build/native");
    assert.deepEqual(readdirSync(folder).sort(), FILES);
    for (const name of FILES) {
      assert.ok(readFileSync(join(folder, name)).equals(readFileSync(built(name))), `${name} differs`);
    }
  }).timeout(60_000);

  it("makes the guest's programs static and small", () => {
    for (const name of ["floor", "stage0", "tether-exec"]) {
      assert.match(execFileSync("readelf", ["-lW", built(name)]).toString(), /^(?![\s\S]*INTERP)/);
      assert.ok(readFileSync(built(name)).length < 100_000, name);
    }
  });

  it("prints the compiler's error, ends with 1 and leaves no half file", () => {
    appendFileSync(join(copy, "native/addon/mount.c"), "this is no C\n");
    const { status, stdout, stderr } = build();
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /native\/addon\/mount\.c:\d+:\d+: error/);
    assert.deepEqual(readdirSync(join(copy, "build/native")).sort(), FILES);
  }).timeout(60_000);
});
