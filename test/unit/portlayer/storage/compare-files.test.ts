import assert from "node:assert/strict";
import { compareFiles } from "../../../../src/portlayer/storage/index.ts";
import type { ListedFile } from "../../../../src/protocol/archive-commands.ts";

const FOLDER = 0o040755;
const FILE = 0o100644;

function listed(
  path: string,
  mode: number,
  changes: { size?: number; time?: string; uid?: number } = {},
): ListedFile {
  const { size = 1, time = "5000000000", uid = 0 } = changes;
  return [path, mode, uid, 0, size, time, 0];
}

const IMAGE = [
  listed("/etc", FOLDER),
  listed("/etc/a", FILE),
  listed("/etc/b", FILE),
  listed("/etc/deep", FOLDER),
  listed("/etc/deep/er", FOLDER),
  listed("/etc/deep/er/c", FILE),
  listed("/usr", FOLDER),
];

/** As `docker diff` prints them. */
function diff(now: readonly ListedFile[]): string[] {
  return compareFiles(IMAGE, now).map(({ path, kind }) => `${"CAD"[kind] ?? "?"} ${path}`);
}

const without = (...paths: string[]): ListedFile[] => IMAGE.filter(([path]) => !paths.includes(path));

describe("the changes of a container", () => {
  it("are none where nothing has changed, whatever the order", () => {
    assert.deepEqual(diff(IMAGE), []);
    assert.deepEqual(diff([...IMAGE].reverse()), []);
  });

  it("are what is new, what was removed and what is different, with the folders above", () => {
    assert.deepEqual(diff([...IMAGE, listed("/usr/new", FOLDER), listed("/usr/new/x", FILE)]), [
      "C /usr",
      "A /usr/new",
      "A /usr/new/x",
    ]);
    assert.deepEqual(diff([...without("/etc/deep/er/c"), listed("/etc/deep/er/c", FILE, { size: 2 })]), [
      "C /etc",
      "C /etc/deep",
      "C /etc/deep/er",
      "C /etc/deep/er/c",
    ]);
    assert.deepEqual(diff(without("/etc/a")), ["C /etc", "D /etc/a"]);
  });

  it("tell of a folder that was removed once, and of one that something else replaces", () => {
    const gone = ["/etc/deep", "/etc/deep/er", "/etc/deep/er/c"];
    assert.deepEqual(diff(without(...gone)), ["C /etc", "D /etc/deep"]);
    assert.deepEqual(diff([...without(...gone), listed("/etc/deep", FILE)]), ["C /etc", "C /etc/deep"]);
    assert.deepEqual(diff([...without("/etc/a"), listed("/etc/a", FOLDER), listed("/etc/a/x", FILE)]), [
      "C /etc",
      "C /etc/a",
      "A /etc/a/x",
    ]);
  });

  it("are told by owner, mode, size and time, of folders not by size and time", () => {
    const changed = (file: ListedFile): string[] => diff([...without(file[0]), file]);
    assert.deepEqual(changed(listed("/etc/a", FILE, { uid: 1 })), ["C /etc", "C /etc/a"]);
    assert.deepEqual(changed(listed("/etc/a", 0o100600)), ["C /etc", "C /etc/a"]);
    assert.deepEqual(changed(listed("/etc/a", FILE, { time: "6000000000" })), ["C /etc", "C /etc/a"]);
    // Whole seconds say nothing of the fraction.
    assert.deepEqual(changed(listed("/etc/a", FILE, { time: "5000000001" })), []);
    assert.deepEqual(changed(listed("/usr", FOLDER, { size: 9, time: "9" })), []);
    assert.deepEqual(changed(listed("/usr", 0o040700)), ["C /usr"]);
  });
});
