import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

import fc from "fast-check";

import { findDanger, LayerInspector } from "../../../../../src/portlayer/storage/import/layer-inspector.ts";
import { makeTar } from "../../../../support/images/index.ts";

async function inspect(chunks: readonly Buffer[], limitBytes = Infinity) {
  const inspector = new LayerInspector("layer x", limitBytes);
  const seen: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      seen.push(chunk);
      done();
    },
  });
  await pipeline(Readable.from(chunks, { objectMode: false }), inspector, sink);
  return { facts: inspector.facts(), bytes: Buffer.concat(seen) };
}

const TAR = makeTar([
  { name: "etc/" },
  { name: "etc/big", data: Buffer.alloc(200_000, "x") },
  { name: `${"long/".repeat(40)}name`, data: "y", xattrs: { "user.a": "b" } },
  { name: "link", type: "symlink", linkname: "../../../outside" },
]);

describe("findDanger", () => {
  const safe = [
    "a",
    "a/b",
    "./a",
    "/a",
    "a/../b",
    "./",
    ".",
    "/",
    "..a",
    "a..",
    "...",
    "a/.wh.b",
    ".wh..wh..opq",
    "a/.wh..wh..opq",
  ];
  for (const name of safe) {
    it(`lets ${name} pass`, () =>
      assert.equal(findDanger({ name, type: /(?:^|\/)\.?$/.test(name) ? "directory" : "file" }), undefined));
  }
  for (const name of [
    "../a",
    "a/../../b",
    "/../a",
    "..",
    "a/b/../../../c",
    "./../x",
    ".wh...",
    "a/.wh..",
    ".wh.",
    "a/.wh...",
  ]) {
    it(`stops ${name}`, () => assert.notEqual(findDanger({ name, type: "file" }), undefined));
  }
  it("stops a hard link out of the root but lets a symbolic one pass", () => {
    assert.notEqual(findDanger({ name: "a", type: "link", linkname: "../../etc/passwd" }), undefined);
    assert.equal(findDanger({ name: "a", type: "symlink", linkname: "../../etc/passwd" }), undefined);
  });
  it("stops a file in the place of the root", () => {
    assert.notEqual(findDanger({ name: "./", type: "symlink", linkname: "/tmp" }), undefined);
  });
  it("shows any name on one line", () => {
    assert(!/[\n\x7f-\x9f]/.test(findDanger({ name: "../a\nb\x85c", type: "file" }) ?? "\n"));
  });
});

describe("LayerInspector", () => {
  it("passes a tar on unchanged and finds the same facts however it is cut", async () => {
    const diffId = `sha256:${createHash("sha256").update(TAR).digest("hex")}`;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 70_000 }), { maxLength: 8 }), async (sizes) => {
        const chunks: Buffer[] = [];
        let rest = TAR;
        for (const size of sizes) {
          chunks.push(rest.subarray(0, size));
          rest = rest.subarray(size);
        }
        const { facts, bytes } = await inspect([...chunks, rest].filter(({ length }) => length > 0));
        assert.deepEqual(facts, {
          ...{ diffId, sizeBytes: TAR.length, contentBytes: 200_001, entries: 4 },
          ...{ attributes: "files", hasLinks: false, hasRoot: false },
        });
        assert(bytes.equals(TAR));
      }),
      { numRuns: 30 },
    );
  });

  it("fails on a dangerous member, wherever it stands", async () => {
    const tar = makeTar([
      { name: "a", data: Buffer.alloc(100_000) },
      { name: "../b" },
      { name: "c", data: Buffer.alloc(300_000) },
    ]);
    await assert.rejects(inspect([tar]), {
      code: "image-unsafe",
      message: /^layer x is not safe to unpack: its entry "\.\.\/b" leaves the root$/,
    });
  });

  it("fails on a tar that ends too early", async () => {
    await assert.rejects(inspect([TAR.subarray(0, 100_000)]), /Unexpected end of data/);
  });

  it("fails on more bytes than there is room for", async () => {
    await assert.rejects(inspect([TAR], 10_000), { code: "no-space" });
  });

  it("answers garbage with an error or with nothing dangerous, and always ends", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (bytes) => {
        await inspect([Buffer.from(bytes)]).catch((error: unknown) => assert(error instanceof Error));
      }),
      { numRuns: 50 },
    );
  });
});
