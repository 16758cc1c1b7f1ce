import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { readDocument } from "../../../../src/protocol/configuration/document.ts";
import {
  readWholeDocument,
  writeMessage,
  writeText,
} from "../../../../src/protocol/configuration/document-text.ts";
import { documentFromJson } from "../../../../src/protocol/configuration/json/from-json.ts";
import { documentToJson } from "../../../../src/protocol/configuration/json/to-json.ts";
import { TetherError } from "../../../../src/protocol/errors/index.ts";
import { tether } from "../../../../src/protocol/generated/config.js";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { anyDocument } from "../../../support/configuration/any-document.ts";
import { fullDocument, leastDocument } from "../../../support/configuration/valid-document.ts";

const { Config } = tether.config;
const refused = (message: RegExp) => catalogueError("configuration-invalid", message);
const encoded = (document: tether.config.Config.$Properties): Buffer =>
  Buffer.from(Config.encode(document).finish());

describe("a document's forms", function () {
  this.timeout(120_000);

  it("are the same document, fields of newer hosts included: as text and as JSON, 10,000 of them", async () => {
    await fc.assert(
      fc.asyncProperty(anyDocument, async (document) => {
        const message = encoded(Object.assign(document, { version: document.version % 2 }));
        const text = writeText(await readWholeDocument(message));
        const read = await readWholeDocument(Buffer.from(text));
        assert.deepEqual(encoded(read), message);
        const json: unknown = JSON.parse(JSON.stringify(documentToJson(read, { showsSecrets: true })));
        const written = documentFromJson(json);
        assert.deepEqual(written.problems, []);
        assert.deepEqual(encoded(written.document), message);
      }),
      { numRuns: 10_000 },
    );
  });

  it("are told apart: protobuf, gzip of it, and base64 of that with or without a line's end", async () => {
    const message = encoded(fullDocument());
    const text = writeText(fullDocument());
    for (const form of [message, gzipSync(message), Buffer.from(text), Buffer.from(`${text}\r\n`)])
      assert.deepEqual(encoded(await readDocument(form)), message);
    assert.match(text, /^H4sI[A-Za-z0-9+/]+={0,2}$/);
    assert.equal(writeText(fullDocument()), text);
  });

  it("lose in the guest what it does not know, and nothing else", async () => {
    const unknown = Uint8Array.of(0x82, 0x7d, 1, 9);
    const message = Buffer.concat([encoded(leastDocument), unknown]);
    assert.deepEqual(encoded(await readDocument(message)), encoded(leastDocument));
    assert.deepEqual(encoded(await readWholeDocument(message)), message);
  });

  it("of a newer version are refused clearly", async () => {
    const newer = readWholeDocument(encoded({ ...leastDocument, version: 2 }));
    await assert.rejects(newer, refused(/^its version is 2; this vch understands 1$/));
  });

  it("that are larger than a guest takes are not written", () => {
    const document = { ...leastDocument, session: { args: [Buffer.alloc(4 * 1024 * 1024)] } };
    assert.throws(() => writeMessage(document), refused(/^it has 41\d+ bytes; the most are 4194304$/));
    assert.throws(() => writeText(document), refused(/^it has/));
  });
});

const text = writeText(fullDocument());
const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024));
const hostile: ReadonlyArray<readonly [string, Buffer, RegExp]> = [
  ["a zip bomb", bomb, /^it is no gzip of a document: Cannot create a Buffer larger than 4194304 bytes$/],
  ["a zip bomb as text", Buffer.from(bomb.toString("base64")), /^it is no gzip of a document/],
  [
    "protobuf over the limit",
    Buffer.alloc(4 * 1024 * 1024 + 1, 8),
    /^it has 4194305 bytes; the most are 4194304$/,
  ],
  ["text over the limit", Buffer.alloc(6 * 1024 * 1024, "H4sI"), /^its text has 6291456 bytes; the most are/],
  [
    "text that is cut off",
    Buffer.from(text.slice(0, -8)),
    /^it is no gzip of a document: unexpected end of file$/,
  ],
  ["gzip that is cut off", gzipSync(encoded(fullDocument())).subarray(0, -9), /^it is no gzip of a document/],
  ["text in lines", Buffer.from(text.replace(/.{76}/g, "$&\n")), /^it is no base64 in one line/],
  ["text without its end", Buffer.from(text.slice(0, -9)), /^it is no base64 in one line|^it is no gzip/],
  ["text of the URL's alphabet", Buffer.from(`${text.slice(0, 40)}-_${text.slice(42)}`), /^it is no base64/],
  ["text behind a space", Buffer.from(` ${text}`), /^it is no protobuf/],
  ["text with more behind it", Buffer.from(`${text}\nx`), /^it is no base64/],
  ["gzip of nothing readable", gzipSync(Buffer.alloc(100, 0xff)), /^it is no protobuf/],
  ["gzip with a wrong sum", flip(gzipSync(encoded(fullDocument())), -6), /^it is no gzip of a document/],
  ["protobuf that is cut off", encoded(fullDocument()).subarray(0, -1), /^it is no protobuf/],
  ["a text that is no UTF-8", Buffer.of(0x12, 1, 0xff), /^it is no protobuf/],
  ["groups without an end", Buffer.alloc(100_000, 0x83), /^it is no protobuf/],
];

describe("a hostile document", () => {
  for (const [what, bytes, message] of hostile) {
    it(`is refused: ${what}`, async () => {
      await assert.rejects(readDocument(bytes), refused(message));
      await assert.rejects(readWholeDocument(bytes), refused(message));
    });
  }

  it("that is a bomb is not unpacked", async () => {
    const before = process.memoryUsage().rss;
    await assert.rejects(readDocument(bomb), TetherError);
    assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024);
  });

  it("that is garbage is a document or an error of the catalogue, and nothing else", async () => {
    const begin = fc.constantFrom(Buffer.of(), Buffer.from("H4sI"), Buffer.of(0x1f, 0x8b, 8));
    await fc.assert(
      fc.asyncProperty(begin, fc.uint8Array({ maxLength: 200 }), async (first, rest) => {
        try {
          await readWholeDocument(Buffer.concat([first, rest]));
        } catch (error) {
          assert.ok(error instanceof TetherError && error.code === "configuration-invalid", String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

function flip(bytes: Buffer, index: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[changed.length + index] = (changed.at(index) ?? 0) ^ 1;
  return changed;
}
