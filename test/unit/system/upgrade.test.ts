import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { EVERY_NAMESPACE } from "./linux.ts";

const run = promisify(execFile);
const AGENT = fileURLToPath(import.meta.resolve("../../support/upgrading-agent.ts"));

/** What an agent in miniature says of itself when it starts, or has gone on. */
interface Word {
  readonly reason?: string;
  readonly isOther: boolean;
  readonly pid: number;
  readonly mounts: number;
}

describe("an agent in another root", function () {
  this.timeout(30_000);

  /** @returns what each of them said, the first one's first. */
  async function upgrade(scenario: string): Promise<Word[]> {
    const args = [...EVERY_NAMESPACE, process.execPath, AGENT, scenario];
    const { stdout } = await run("unshare", args, { timeout: 25_000 });
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Word);
  }

  const facts = (words: readonly Word[]): unknown => words.map(({ reason, isOther }) => [reason, isOther]);

  it("is the same process, and once it is confirmed nothing is left of the root before", async () => {
    const words = await upgrade("is confirmed");
    assert.deepEqual(facts(words), [
      [undefined, false],
      ["upgrade", true],
      ["upgrade", true],
      // Its time, which is over, has no consequence; a crash executes it again.
      ["SIGABRT", true],
    ]);
    assert.deepEqual(new Set(words.map(({ pid }) => pid)), new Set([1]));
    const [before, , after] = words.map(({ mounts }) => mounts);
    // Of its own it has two: the mark's, and what /mnt was when it was made.
    assert.equal(after, (before ?? 0) + 2);
  });

  const failures: ReadonlyArray<readonly [scenario: string, reason: string]> = [
    ["aborts", "upgrade failed: SIGABRT"],
    ["hangs", "upgrade failed: not confirmed in time"],
    ["hangs where nothing may interrupt it", "upgrade failed: not confirmed in time"],
  ];
  for (const [scenario, reason] of failures) {
    it(`that ${scenario} gives way to the one before, in its own root`, async () => {
      assert.deepEqual(facts(await upgrade(scenario)), [
        [undefined, false],
        ["upgrade", true],
        [reason, false],
      ]);
    });
  }

  it("that cannot become the root stays where it is, and can still give way", async () => {
    assert.deepEqual(facts(await upgrade("cannot become the root")), [
      [undefined, false],
      ["upgrade", true],
      ["upgrade", true],
      ["upgrade failed: SIGABRT", false],
    ]);
  });

  it("that is missing leaves the one before, which is executed again", async () => {
    assert.deepEqual(facts(await upgrade("is missing")), [
      [undefined, false],
      ["upgrade failed: executing it: errno 2", false],
    ]);
  });
});
