import assert from "node:assert/strict";
import fc from "fast-check";
import {
  CONFIGURATION_KEY,
  isSplit,
  joinText,
  makeSealKey,
  MOST_PARTS,
  openSealed,
  parseSealKey,
  parseSplit,
  PART_CHARACTERS,
  SEALED_PREFIX,
  sealText,
  splitText,
} from "../../../../src/protocol/guestinfo/index.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";

/** Puts a text together as a guest does. */
function join(key: string, values: ReadonlyMap<string, string>): string {
  const value = values.get(key) ?? "";
  if (!isSplit(value)) return value;
  const header = parseSplit(key, value);
  const parts = Array.from({ length: header.parts }, (_, index) => values.get(`${key}.${index + 1}`) ?? "");
  return joinText(key, header, parts);
}

const split = (text: string) => new Map(splitText("guestinfo.k", text).map(({ key, value }) => [key, value]));

describe("a text in guestinfo", () => {
  it("is itself as long as it fits in one key, and then in parts with the key behind them", () => {
    assert.deepEqual(splitText("guestinfo.k", "text"), [{ key: "guestinfo.k", value: "text" }]);
    const parts = splitText("guestinfo.k", "x".repeat(PART_CHARACTERS + 1));
    assert.deepEqual(
      parts.map(({ key }) => key),
      ["guestinfo.k.1", "guestinfo.k.2", "guestinfo.k"],
    );
    assert.match(parts.at(-1)?.value ?? "", /^split:v1:2:60001:[0-9a-f]{64}$/);
  });

  it("comes back from its parts, whatever its length", () => {
    const lengths = fc.integer({ min: 0, max: 4 * PART_CHARACTERS });
    fc.assert(
      fc.property(lengths, fc.constantFrom("x", "abc", "+/="), (length, word) => {
        const text = word.repeat(Math.ceil(length / word.length)).slice(0, length);
        assert.equal(join("guestinfo.k", split(text)), text);
      }),
      { numRuns: 50 },
    );
  });

  it("fits in a hundred parts at most", () => {
    const most = MOST_PARTS * PART_CHARACTERS;
    assert.equal(join("guestinfo.k", split("x".repeat(most))).length, most);
    assert.throws(() => splitText("guestinfo.k", "x".repeat(most + 1)), catalogueError("invalid-option"));
  });

  it("is refused when any of its parts is another, is missing or is cut", () => {
    const text = Array.from({ length: 150_000 }, (_, index) => index % 10).join("");
    const keys = [...split(text).keys()].slice(0, -1);
    const changes = [
      (value: string) => value.slice(1),
      () => "",
      (value: string) => `${value.slice(0, -1)}x`,
      (value: string) => `${value.slice(1)}${value[0]}`,
      (value: string) => `${value}0`,
    ];
    for (const key of keys) {
      for (const change of changes) {
        const values = split(text);
        values.set(key, change(values.get(key) ?? ""));
        assert.throws(
          () => join("guestinfo.k", values),
          catalogueError("guest-initialisation", /guestinfo\.k/),
        );
      }
    }
  });

  it("is refused with a header that is none, and reads no more than a hundred parts for one", () => {
    const digest = "0".repeat(64);
    const headers = [
      ...["split:v1:", `split:v1:0:0:${digest}`, `split:v1:101:1:${digest}`, `split:v1:1:60001:${digest}`],
      ...[`split:v1:2:100:${digest.slice(1)}`, `split:v1:-1:100:${digest}`, `split:v1:1e1:100:${digest}`],
    ];
    for (const header of headers)
      assert.throws(() => parseSplit("guestinfo.k", header), catalogueError("guest-initialisation"));
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (garbage) => {
        const parse = () => parseSplit("guestinfo.k", `split:v1:${garbage}`);
        assert.throws(parse, catalogueError("guest-initialisation"));
      }),
    );
  });
});

describe("a sealed document", () => {
  const key = () => parseSealKey(makeSealKey()) ?? Buffer.alloc(0);

  it("is opened by its key, and shows nothing of what it holds", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (document) => {
        const one = key();
        const text = sealText(document, one);
        assert.match(text, /^sealed:v1:[A-Za-z0-9+/]+=*$/);
        assert.deepEqual(openSealed(text, one), Buffer.from(document));
        assert.notEqual(sealText(document, one), text);
      }),
    );
    const secret = sealText(Buffer.from("BEGIN OPENSSH PRIVATE KEY"), key());
    assert.ok(!Buffer.from(secret.slice(SEALED_PREFIX.length), "base64").includes("OPENSSH"));
  });

  it("is refused with another key, and when a single bit of it is another", () => {
    const one = key();
    const text = sealText(Buffer.from("a document"), one);
    assert.throws(
      () => openSealed(text, key()),
      catalogueError("guest-initialisation", /not sealed with the key/),
    );
    const bytes = Buffer.from(text.slice(SEALED_PREFIX.length), "base64");
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const forged = SEALED_PREFIX + changed.toString("base64");
      assert.throws(() => openSealed(forged, one), catalogueError("guest-initialisation"));
    }
  });

  it("is refused when it is garbage", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (garbage) => {
        assert.throws(
          () => openSealed(SEALED_PREFIX + garbage, key()),
          catalogueError("guest-initialisation"),
        );
      }),
    );
  });

  it("has a key of 32 bytes as base64; what was erased is none", () => {
    assert.equal(key().length, 32);
    assert.notDeepEqual(key(), key());
    const whole = makeSealKey();
    for (const text of ["", " ", "-", whole.slice(1), `${whole} `, `${whole}\n`, CONFIGURATION_KEY])
      assert.equal(parseSealKey(text), undefined);
  });
});
