import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeLogRecord,
  decodeMessage,
  decodeRequest,
  encodeLogRecord,
  encodeMessage,
  encodeRequest,
  type Event,
  type Message,
  now,
  type Request,
} from "../../../src/protocol/control-messages.ts";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { DelimitedDecoder } from "../../../src/protocol/length-delimited.ts";
import { catalogueError } from "../../support/catalogue-error.ts";

const unframe = (bytes: Buffer): Buffer => {
  const messages = [...new DelimitedDecoder().push(bytes)];
  assert.equal(messages.length, 1);
  return messages[0] ?? Buffer.alloc(0);
};

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));

const time = fc.record({
  seconds: fc.integer({ min: 1, max: 2 ** 40 }),
  nanoseconds: fc.integer({ min: 1, max: 999_999_999 }),
});
const uint32 = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
const event: fc.Arbitrary<Event> = fc
  .tuple(
    fc.record({ sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), time }),
    fc.oneof(
      fc.record({ started: fc.record({ pid: uint32 }) }),
      fc.record({ exited: fc.record({ code: uint32, signal: uint32, coreDumped: fc.constant(true) }) }),
      fc.record({ failed: fc.record({ error: fc.record({ code: text, message: text }) }) }),
    ),
  )
  .map(([head, body]) => ({ ...head, ...body }));
const request: fc.Arbitrary<Request> = fc
  .tuple(
    uint32,
    fc.constantFrom<Request>(
      { getSnapshot: {} },
      { signalSession: { signal: 15, group: true } },
      { acknowledgeExit: {} },
      { powerOff: {} },
    ),
  )
  .map(([id, body]) => ({ id, ...body }));
const message: fc.Arbitrary<Message> = fc.oneof(
  event.map((each): Message => ({ event: each })),
  fc
    .record({ id: uint32, error: fc.record({ code: text, message: text }) })
    .map((reply): Message => ({ reply })),
  fc
    .record({ id: uint32, agentVersion: text, events: fc.array(event, { maxLength: 3 }), inputBytes: uint32 })
    .map(({ id, ...snapshot }): Message => ({ reply: { id, snapshot } })),
);

describe("control messages", () => {
  it("are the same on the other side", () => {
    fc.assert(
      fc.property(request, message, event, (aRequest, aMessage, anEvent) => {
        assert.deepEqual(plain(decodeRequest(unframe(encodeRequest(aRequest)))), plain(aRequest));
        const decoded = plain(decodeMessage(unframe(encodeMessage(aMessage)))) as Message;
        assert.deepEqual(
          plain(decoded.event ?? decoded.reply?.error),
          plain(aMessage.event ?? aMessage.reply?.error),
        );
        assert.deepEqual(plain(decoded.reply?.snapshot?.events), plain(aMessage.reply?.snapshot?.events));
        assert.equal(decoded.reply?.id, aMessage.reply?.id);
        assert.deepEqual(
          plain(decodeLogRecord(unframe(encodeLogRecord({ event: anEvent })))),
          plain({ event: anEvent }),
        );
      }),
    );
  });

  it("count beyond 32 bits without loss", () => {
    const inputBytes = 2 ** 41 + 1;
    const decoded = decodeMessage(unframe(encodeMessage({ reply: { id: 1, snapshot: { inputBytes } } })));
    assert.equal(decoded.reply?.snapshot?.inputBytes, inputBytes);
  });

  it("that are garbage give an error of the catalogue and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodeRequest, decodeMessage, decodeLogRecord]) {
          try {
            decode(bytes);
          } catch (error) {
            assert.ok(error instanceof TetherError && error.code === "link-protocol", String(error));
          }
        }
      }),
    );
  });

  it("that are cut off give an error that says what was read", () => {
    const whole = unframe(encodeRequest({ id: 300, signalSession: { signal: 9 } }));
    assert.throws(
      () => decodeRequest(whole.subarray(0, -1)),
      catalogueError("link-protocol", /^malformed request: /),
    );
    const log = unframe(encodeLogRecord({ event: { sequence: 1, started: { pid: 300 } } }));
    assert.throws(
      () => decodeLogRecord(log.subarray(0, -1)),
      catalogueError("link-protocol", /^malformed log record: /),
    );
  });

  it("nested without end are refused", () => {
    const nested = Buffer.alloc(100_000, 0x0b);
    assert.throws(() => decodeMessage(nested), catalogueError("link-protocol"));
  });

  it("carry the present time in whole seconds and nanoseconds", () => {
    const before = Date.now();
    const { seconds, nanoseconds } = now();
    const milliseconds = Number(seconds) * 1000 + Number(nanoseconds) / 1_000_000;
    assert.ok(milliseconds >= before && milliseconds <= Date.now());
    assert.ok(
      Number.isInteger(seconds) && Number.isInteger(nanoseconds) && Number(nanoseconds) < 1_000_000_000,
    );
  });
});
