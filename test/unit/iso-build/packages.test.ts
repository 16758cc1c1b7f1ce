import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { DEBIAN_PACKAGES } from "../../../iso-build/packages.ts";

describe("the build's Debian packages", () => {
  it("are all installed by set-up", () => {
    const list = path.join(import.meta.dirname, "../../../scripts/set-up/debian-packages.mjs");
    const installed = new Set(
      [...readFileSync(list, "utf8").matchAll(/^ {2}"?([a-z0-9.+-]+)"?:/gm)].map(([, name]) => name),
    );
    assert.deepEqual(
      DEBIAN_PACKAGES.filter((name) => !installed.has(name)),
      [],
    );
  });
});
