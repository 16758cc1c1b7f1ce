import assert from "node:assert/strict";
import fc from "fast-check";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import {
  DelimitedDecoder,
  encodeDelimited,
  MAX_MESSAGE_BYTES,
} from "../../../src/protocol/length-delimited.ts";
import { catalogueError } from "../../support/catalogue-error.ts";

const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });

/** Cuts a stream at the given places, however they are ordered. */
function cut(stream: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (stream.length + 1)), stream.length].toSorted(
    (a, b) => a - b,
  );
  return ends.map((end, index) => stream.subarray(ends[index - 1] ?? 0, end));
}

describe("length-delimited messages", () => {
  it("come out as they went in, however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(bytes(400), { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (messages, places) => {
          const decoder = new DelimitedDecoder();
          const stream = Buffer.concat(messages.map(encodeDelimited));
          const decoded = cut(stream, places).flatMap((chunk) => [...decoder.push(chunk)]);
          assert.deepEqual(
            decoded.map((message) => message.toString("hex")),
            messages.map((message) => Buffer.from(message).toString("hex")),
          );
          assert.equal(decoder.isTorn, false);
        },
      ),
    );
  });

  it("come out whole when they arrive byte by byte, with sizes of one, two and three bytes", () => {
    for (const size of [0, 1, 127, 128, 16_384]) {
      const decoder = new DelimitedDecoder();
      const message = Buffer.alloc(size, 0x5a);
      const decoded = [...encodeDelimited(message)].flatMap((byte) => [...decoder.push(Uint8Array.of(byte))]);
      assert.deepEqual(decoded, [message], `${size} bytes`);
    }
  });

  it("give nothing but an error of the catalogue for garbage", () => {
    fc.assert(
      fc.property(fc.array(bytes(64), { maxLength: 10 }), fc.nat({ max: 100 }), (chunks, limit) => {
        const decoder = new DelimitedDecoder(limit);
        try {
          for (const chunk of chunks)
            for (const message of decoder.push(chunk)) assert.ok(message.length <= limit);
        } catch (error) {
          assert.ok(error instanceof TetherError && error.code === "link-protocol", String(error));
        }
      }),
    );
  });

  it("are refused by their size alone, before they have arrived", () => {
    const header = encodeDelimited(Buffer.alloc(MAX_MESSAGE_BYTES + 1)).subarray(0, 3);
    assert.throws(
      () => [...new DelimitedDecoder().push(header)],
      catalogueError("link-protocol", /1048577 .* 1048576/),
    );
  });

  it("are accepted up to the limit", () => {
    assert.equal([...new DelimitedDecoder(10).push(encodeDelimited(Buffer.alloc(10)))].length, 1);
    assert.throws(
      () => [...new DelimitedDecoder(10).push(encodeDelimited(Buffer.alloc(11)))],
      catalogueError("link-protocol"),
    );
  });

  it("are refused when the size never ends", () => {
    const endless = Buffer.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x00);
    assert.throws(
      () => [...new DelimitedDecoder().push(endless)],
      catalogueError("link-protocol", /malformed/),
    );
  });

  it("before the damage are delivered", () => {
    const delivered: string[] = [];
    const decoder = new DelimitedDecoder();
    const stream = Buffer.concat([encodeDelimited(Buffer.from("whole")), Buffer.alloc(8, 0xff)]);
    assert.throws(() => {
      for (const message of decoder.push(stream)) delivered.push(message.toString());
    }, catalogueError("link-protocol"));
    assert.deepEqual(delivered, ["whole"]);
  });

  it("that are cut off show that the stream is torn", () => {
    const decoder = new DelimitedDecoder();
    assert.deepEqual([...decoder.push(encodeDelimited(Buffer.from("whole")).subarray(0, 3))], []);
    assert.equal(decoder.isTorn, true);
  });

  it("do not change when the chunk that they came in is used again", () => {
    const chunk = encodeDelimited(Buffer.from("mine"));
    const [message] = [...new DelimitedDecoder().push(chunk)];
    chunk.fill(0);
    assert.equal(message?.toString(), "mine");
  });
});
