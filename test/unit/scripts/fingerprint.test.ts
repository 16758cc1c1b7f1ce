import { equal, notEqual } from "node:assert/strict";
import { chmodSync, mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fingerprint } from "../../../scripts/set-up/fingerprint.mjs";
import { writeStamp } from "../../../scripts/set-up/stamps.mjs";
import { withTemporaryFolder } from "./temporary-folder.ts";

describe("a fingerprint of inputs", () => {
  const folder = withTemporaryFolder();

  function write(path: string, content: string): void {
    mkdirSync(join(folder.path, path, ".."), { recursive: true });
    writeFileSync(join(folder.path, path), content);
  }
  const taken = (): string => fingerprint(folder.path, ["input", { value: "v" }, { step: "before" }]);

  beforeEach(() => {
    write("input/a", "one");
    write("input/deep/b", "two");
  });

  it("stays the same when only times change", () => {
    const first = taken();
    utimesSync(join(folder.path, "input/a"), 1, 1);
    equal(taken(), first);
  });

  const changes: Record<string, () => void> = {
    "a content changes": () => write("input/deep/b", "TWO"),
    "a file comes": () => write("input/c", ""),
    "a file goes": () => rmSync(join(folder.path, "input/a")),
    "all goes": () => rmSync(join(folder.path, "input"), { recursive: true }),
    "bytes move from one file to the next": () => {
      write("input/a", "onet");
      write("input/deep/b", "wo");
    },
    "a file becomes executable": () => chmodSync(join(folder.path, "input/a"), 0o755),
    "the step before it was done anew": () => writeStamp(folder.path, "before", "changed"),
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`changes when ${what}`, () => {
      const first = taken();
      change();
      notEqual(taken(), first);
    });
  }
});
