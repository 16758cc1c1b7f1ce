import assert from "node:assert/strict";
import { once } from "node:events";
import { duplexPair } from "node:stream";
import fc from "fast-check";
import {
  decodeMessage,
  encodeRequest,
  type Reply,
  type Request,
  type Time,
} from "../../../src/protocol/control-messages.ts";
import { DelimitedDecoder } from "../../../src/protocol/length-delimited.ts";
import { serveControl } from "../../../src/tether/control-channel.ts";
import { controlRequests } from "../../support/control-requests.ts";

const LATEST_MS = Date.UTC(9999, 0);

/** Asks for one thing. @returns the answer, and the times that the clock was set to. */
async function ask(
  request: Request,
): Promise<{ readonly reply: Reply | null | undefined; readonly set: number[] }> {
  const set: number[] = [];
  const target = controlRequests({ setClock: (milliseconds) => void set.push(milliseconds) });
  const [near, far] = duplexPair();
  serveControl(far, target);
  near.write(encodeRequest(request));
  const [chunk] = (await once(near, "data")) as [Buffer];
  near.destroy();
  const [message] = [...new DelimitedDecoder().push(chunk)].map((bytes) => decodeMessage(bytes));
  return { reply: message?.reply, set };
}

const setClock = (time?: Time): ReturnType<typeof ask> =>
  ask({ id: 3, setClock: time === undefined ? {} : { time } });

describe("setting the clock over the control channel", () => {
  it("gives milliseconds, rounded", async () => {
    const { reply, set } = await setClock({ seconds: 1_795_000_000, nanoseconds: 123_600_000 });
    assert.deepEqual(set, [1_795_000_000_124]);
    assert.deepEqual([reply?.id, reply?.error ?? undefined], [3, undefined]);
  });

  it("goes as far as the year 9999", async () => {
    assert.deepEqual((await setClock({ seconds: LATEST_MS / 1000, nanoseconds: 0 })).set, [LATEST_MS]);
  });

  const refused: ReadonlyArray<readonly [string, Time | undefined]> = [
    ["no time", undefined],
    ["a time that says nothing", {}],
    ["1970", { seconds: 0, nanoseconds: 0 }],
    ["a time before 1970", { seconds: -1, nanoseconds: 999_999_999 }],
    ["a time before 1970 that its nanoseconds do not save", { seconds: -5, nanoseconds: 4_294_967_295 }],
    ["the year 9999", { seconds: LATEST_MS / 1000, nanoseconds: 1_000_000 }],
    ["the end of all times", { seconds: Number.MAX_SAFE_INTEGER, nanoseconds: 999_999_999 }],
  ];
  for (const [what, time] of refused) {
    it(`refuses ${what}, and sets nothing`, async () => {
      const { reply, set } = await setClock(time);
      assert.deepEqual([reply?.id, reply?.error?.code], [3, "invalid-option"]);
      assert.deepEqual(set, []);
    });
  }

  it("sets a time that a clock can have or none, whatever is asked for", async () => {
    const time = fc.record({
      seconds: fc.maxSafeInteger(),
      nanoseconds: fc.nat(2 ** 32 - 1),
    });
    await fc.assert(
      fc.asyncProperty(time, async (asked) => {
        const { reply, set } = await setClock(asked);
        assert.equal(set.length, reply?.error ? 0 : 1);
        for (const each of set) assert.ok(Number.isInteger(each) && each > 0 && each <= LATEST_MS);
      }),
    );
  });
});
