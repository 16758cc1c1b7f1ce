import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { CONFIGURATION_KEY } from "../../../../src/protocol/guestinfo/index.ts";
import { TetherError } from "../../../../src/protocol/errors/index.ts";
import { DocumentWatch, GuestInfo, type ReloadOutcome } from "../../../../src/tether/guestinfo/index.ts";
import { FakeGuestinfo } from "../../../support/vmware/fake-guestinfo.ts";

const EVERY_MS = 5;

describe("the watch for newer documents in guestinfo", () => {
  let host: FakeGuestinfo;
  let applied: string[];
  let outcomes: ReloadOutcome[];
  let isReady: boolean;
  let refusal: TetherError | undefined;
  let watch: DocumentWatch;
  let looks: number;

  beforeEach(() => {
    host = new FakeGuestinfo();
    [applied, outcomes, isReady, refusal, looks] = [[], [], true, undefined, 0];
    const guestinfo = new GuestInfo(host.rpci);
    watch = new DocumentWatch({
      guestinfo,
      read: async () => Buffer.from((await guestinfo.get(CONFIGURATION_KEY)) ?? ""),
      isReady: () => {
        looks += 1;
        return isReady;
      },
      apply: (document) => {
        applied.push(Buffer.from(document).toString());
        if (refusal !== undefined) return Promise.reject(refusal);
        // What is applied already changes nothing.
        return Promise.resolve(applied.length === 1 ? [] : ["add interfaces[eth1]"]);
      },
      report: (outcome) => void outcomes.push(outcome),
      everyMs: EVERY_MS,
    });
  });
  afterEach(() => watch.stop());

  /** Waits for so many looks more to begin; the one before the last of them is over then. */
  const looked = async (more: number): Promise<void> => {
    for (const begin = looks; ; await sleep(1)) if (looks >= begin + more) return;
  };

  it("says nothing of the document that is applied already", async () => {
    host.keys.set(CONFIGURATION_KEY, "the first");
    watch.start();
    await looked(4);
    assert.deepEqual([applied, outcomes], [["the first"], []]);
  });

  it("applies another one, once", async () => {
    host.keys.set(CONFIGURATION_KEY, "the first");
    watch.start();
    await looked(3);
    host.keys.set(CONFIGURATION_KEY, "the second");
    await looked(4);
    assert.deepEqual(applied, ["the first", "the second"]);
    assert.deepEqual(outcomes, [{ changes: ["add interfaces[eth1]"] }]);
  });

  it("reports one that cannot be applied, and does not try it again", async () => {
    host.keys.set(CONFIGURATION_KEY, "the first");
    refusal = new TetherError("conflict", "hostname cannot change");
    watch.start();
    await looked(4);
    assert.deepEqual([applied, outcomes], [["the first"], [{ error: refusal }]]);
  });

  it("waits while nothing can be applied", async () => {
    host.keys.set(CONFIGURATION_KEY, "the first");
    isReady = false;
    watch.start();
    await looked(3);
    assert.deepEqual([applied, host.requests], [[], []]);
    isReady = true;
    await looked(3);
    assert.deepEqual(applied, ["the first"]);
  });

  it("reports a host that does not answer, and asks again", async () => {
    host.answer = () => new Error("the channel is lost");
    watch.start();
    await looked(2);
    host.answer = () => undefined;
    host.keys.set(CONFIGURATION_KEY, "the first");
    await looked(3);
    const [first] = outcomes;
    assert.ok(first !== undefined && "error" in first && /the channel is lost/.test(first.error.message));
    assert.deepEqual(applied, ["the first"]);
  });

  it("looks no more once it is stopped", async () => {
    watch.start();
    await looked(2);
    watch.stop();
    // The look that was under way is the last.
    await sleep(2 * EVERY_MS);
    const before = looks;
    await sleep(10 * EVERY_MS);
    assert.equal(looks, before);
  });
});
