import { deepEqual, equal, rejects } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "../../../scripts/set-up/lock.mjs";
import { withTemporaryFolder } from "./temporary-folder.ts";

describe("the set-up's lock", () => {
  const folder = withTemporaryFolder();
  const report = { line: (): void => {} };
  const lockPath = (): string => join(folder.path, "build/.lock");

  it("lets one in at a time", async () => {
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside--;
    };
    await Promise.all(Array.from({ length: 5 }, () => withLock(lockPath(), report, work)));
    equal(most, 1);
    equal(existsSync(lockPath()), false);
  });

  it("is free again after a failure", async () => {
    await rejects(
      withLock(lockPath(), report, () => Promise.reject(new Error("broken"))),
      /broken/,
    );
    equal(await withLock(lockPath(), report, () => Promise.resolve(1)), 1);
  });

  const leftOwners: Record<string, () => string> = {
    "a process that is gone": () => `${spawnSync("true").pid} 1`,
    "an earlier process with an id that is in use again": () => `${process.pid} 1`,
    "nobody, in a file that was cut off": () => "",
  };
  for (const [who, owner] of Object.entries(leftOwners)) {
    it(`is taken over from ${who}, by one of many`, async () => {
      await withLock(lockPath(), report, () => Promise.resolve());
      writeFileSync(lockPath(), owner());
      const order: string[] = [];
      const work = (): Promise<void> => {
        order.push("in");
        return Promise.resolve().then(() => void order.push("out"));
      };
      await Promise.all([withLock(lockPath(), report, work), withLock(lockPath(), report, work)]);
      deepEqual(order, ["in", "out", "in", "out"]);
    });
  }
});
