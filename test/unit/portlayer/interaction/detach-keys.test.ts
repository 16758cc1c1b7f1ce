import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import {
  DEFAULT_DETACH_KEYS,
  detachOn,
  parseDetachKeys,
} from "../../../../src/portlayer/interaction/index.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";

describe("the detach keys", () => {
  it("are read as Docker reads them", () => {
    const table: ReadonlyArray<readonly [string, readonly number[]]> = [
      [DEFAULT_DETACH_KEYS, [16, 17]],
      ["ctrl-a", [1]],
      ["ctrl-A,b", [1, 98]],
      ["ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", [0, 27, 28, 29, 30, 31]],
      ["x", [120]],
    ];
    for (const [text, bytes] of table) assert.deepEqual([...parseDetachKeys(text)], bytes, text);
    for (const text of ["ctrl-", "ctrl-1", "ctrl-ab", "ab", "", "a,,b"])
      assert.throws(
        () => parseDetachKeys(text),
        catalogueError("invalid-option", /^Unknown character: /),
        text,
      );
  });

  /** What passes, and whether the keys came, when the input comes in these chunks. */
  const filter = async (
    keys: Buffer,
    chunks: readonly Buffer[],
  ): Promise<{ passed: Buffer; detached: number }> => {
    let detached = 0;
    const stream = Readable.from(chunks).pipe(detachOn(keys, () => detached++));
    return { passed: await buffer(stream), detached };
  };
  const keys = Buffer.from("aab");

  it("are swallowed, with all that comes behind them", async () => {
    const { passed, detached } = await filter(keys, [Buffer.from("xaa"), Buffer.from("bzz")]);
    assert.deepEqual([passed.toString(), detached], ["x", 1]);
  });

  it("are found though what might be their beginning comes first", async () => {
    assert.deepEqual(await filter(keys, [Buffer.from("aaab")]), { passed: Buffer.from("a"), detached: 1 });
  });

  it("are passed on when they are not complete", async () => {
    for (const input of ["aa", "aacaa", "a"]) {
      const { passed, detached } = await filter(keys, [Buffer.from(input)]);
      assert.deepEqual([passed.toString(), detached], [input, 0]);
    }
  });

  it("end the input where a search in the whole finds them, however it is cut", async () => {
    const bytes = fc.array(fc.constantFrom(97, 98), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(97, 98), { minLength: 1, maxLength: 4 }),
        fc.array(bytes, { maxLength: 4 }),
        async (sought, pieces) => {
          const whole = Buffer.from(pieces.flat());
          const at = whole.indexOf(Buffer.from(sought));
          const found = await filter(
            Buffer.from(sought),
            pieces.map((piece) => Buffer.from(piece)),
          );
          assert.equal(found.detached, at < 0 ? 0 : 1);
          assert.deepEqual(found.passed, at < 0 ? whole : whole.subarray(0, at));
        },
      ),
    );
  });
});
