import assert from "node:assert/strict";
import { once } from "node:events";
import { appendFileSync, existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LogKeeper, type RunningLog } from "../../../../../src/portlayer/interaction/log/index.ts";
import { useTemporaryFolder } from "../../../../support/temporary-folder.ts";

describe("the keeper of a log", () => {
  const folder = useTemporaryFolder();
  const path = (): string => join(folder.path, "log");
  const limit = { maxBytes: 1000, maxFiles: 2 };
  const told = new EventTarget();
  const running = (changes: Partial<RunningLog> = {}): RunningLog => ({
    path: path(),
    limit,
    switchFile: (file, prepare) => {
      const isPrepared = prepare();
      // The guest goes on writing.
      if (isPrepared) appendFileSync(file, "begun");
      return Promise.resolve(isPrepared);
    },
    tellGuest: (writtenBytes) => {
      told.dispatchEvent(new CustomEvent("told", { detail: writtenBytes }));
      return Promise.resolve();
    },
    ...changes,
  });
  const nextTold = async (): Promise<unknown> => {
    const [event] = (await once(told, "told")) as [CustomEvent];
    return event.detail;
  };

  it("rotates it as soon as it is nearly full, and tells the guest how much is in the new one", async () => {
    writeFileSync(path(), "");
    await using _keeper = new LogKeeper(running());
    for (let round = 0; round < 3; round++) {
      const answer = nextTold();
      appendFileSync(path(), Buffer.alloc(800));
      assert.equal(await answer, 5);
      assert.ok(statSync(`${path()}.1`).size >= 800);
    }
  });

  it("tries again what the guest could not be told", async () => {
    writeFileSync(path(), Buffer.alloc(800));
    let tries = 0;
    const tellGuest: RunningLog["tellGuest"] = (writtenBytes) => {
      tries += 1;
      if (tries === 1) return Promise.reject(new Error("no link"));
      return running().tellGuest(writtenBytes);
    };
    const answer = nextTold();
    await using _keeper = new LogKeeper(running({ tellGuest }));
    assert.equal(await answer, 5);
    assert.equal(tries, 2);
  });

  it("leaves it alone afterwards, and one without limit always", async () => {
    writeFileSync(path(), "");
    const never = (): never => assert.fail();
    const unlimited = new LogKeeper(running({ limit: { maxBytes: 0, maxFiles: 1 }, switchFile: never }));
    await new LogKeeper(running({ switchFile: never }))[Symbol.asyncDispose]();
    writeFileSync(path(), Buffer.alloc(800));
    await unlimited[Symbol.asyncDispose]();
    assert.equal(existsSync(`${path()}.1`), false);
  });
});
