import assert from "node:assert/strict";
import fc from "fast-check";
import {
  encodeBinary,
  encodeClose,
  encodePong,
  FrameReader,
  WebSocketError,
} from "../../../src/endpoint/http/web-socket-frames.ts";

/** A client's frame: masked (RFC 6455, section 5.3). */
function clientFrame(opcode: number, data: Uint8Array, { isFinal = true, mask = [1, 2, 3, 4] } = {}): Buffer {
  const length = data.length;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = (isFinal ? 0x80 : 0) | opcode;
  head[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  const masked = data.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([head, Buffer.from(mask), masked]);
}

function readAll(chunks: readonly Buffer[]): { data: Buffer; others: string[] } {
  const reader = new FrameReader();
  const data: Buffer[] = [];
  const others: string[] = [];
  for (const chunk of chunks)
    for (const event of reader.read(chunk))
      if (event.kind === "data") data.push(event.data);
      else others.push(`${event.kind} ${event.data.toString()}`);
  return { data: Buffer.concat(data), others };
}

/** Cuts bytes at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...ends, bytes.length].map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

describe("frames of a WebSocket", function () {
  // On a machine that does several things at once.
  this.timeout(30_000);

  it("are read alike however they are cut", () => {
    const message = fc.array(fc.uint8Array({ maxLength: 70_000, size: "max" }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (messages, places) => {
          const frames = messages.flatMap((pieces) =>
            pieces.flatMap((piece, index) => [
              clientFrame(index === 0 ? 2 : 0, piece, { isFinal: index === pieces.length - 1 }),
              clientFrame(9, Buffer.from("ping")),
            ]),
          );
          const { data, others } = readAll(cut(Buffer.concat(frames), places));
          assert.deepEqual(data, Buffer.concat(messages.flat()));
          assert.deepEqual(
            others,
            messages.flat().map(() => "ping ping"),
          );
        },
      ),
      { numRuns: 25 },
    );
  });

  it("are refused with our error and nothing else, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          readAll([Buffer.from(bytes)]);
        } catch (error) {
          assert.ok(error instanceof WebSocketError, String(error));
        }
      }),
    );
  });

  it("are refused when they break the protocol", () => {
    const broken: readonly (readonly [string, Buffer])[] = [
      ["not masked", Buffer.from([0x82, 1, 0])],
      ["reserved bits", Buffer.from([0xc2, 0x80, 0, 0, 0, 0])],
      ["unknown opcode", clientFrame(3, Buffer.from("x"))],
      ["long control frame", clientFrame(9, Buffer.alloc(126))],
      ["fragmented control frame", clientFrame(9, Buffer.from("x"), { isFinal: false })],
      ["rest of no message", clientFrame(0, Buffer.from("x"))],
      [
        "message in a message",
        Buffer.concat([
          clientFrame(2, Buffer.from("x"), { isFinal: false }),
          clientFrame(2, Buffer.from("x")),
        ]),
      ],
    ];
    for (const [what, bytes] of broken) assert.throws(() => readAll([bytes]), WebSocketError, what);
  });

  it("are written as the protocol has them", () => {
    assert.deepEqual(encodeBinary(Buffer.from("ab")), Buffer.from([0x82, 2, 0x61, 0x62]));
    assert.deepEqual(encodeBinary(Buffer.alloc(126)).subarray(0, 4), Buffer.from([0x82, 126, 0, 126]));
    assert.deepEqual(
      encodeBinary(Buffer.alloc(65_536)).subarray(0, 10),
      Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    );
    assert.deepEqual(encodePong(Buffer.from("p")), Buffer.from([0x8a, 1, 0x70]));
    assert.deepEqual(encodeClose(1000), Buffer.from([0x88, 2, 3, 232]));
  });
});
