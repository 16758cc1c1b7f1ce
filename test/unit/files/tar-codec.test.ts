import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ARCHIVE_END,
  ByteSource,
  contentBytes,
  encodeEntry,
  endOfEntry,
  type Extent,
  type TarEntry,
  TarReader,
} from "../../../src/protocol/archive/index.ts";
import { pieces } from "./trees.ts";

const byteString = (maxLength: number): fc.Arbitrary<string> =>
  fc
    .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength })
    .map((bytes) => String.fromCharCode(...bytes));

const extents: fc.Arbitrary<readonly Extent[] | undefined> = fc.option(
  fc
    .array(fc.tuple(fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: 1, max: 700 })), {
      maxLength: 60,
    })
    .map((gaps) => {
      let end = 0;
      return gaps.map(([gap, length]) => {
        const offset = end + gap;
        end = offset + length;
        return { offset, length };
      });
    }),
  { nil: undefined },
);

const anyEntry: fc.Arbitrary<TarEntry> = fc
  .record({
    name: byteString(300),
    kind: fc.constantFrom(
      "file",
      "directory",
      "symlink",
      "hardlink",
      "fifo",
      "character-device",
      "block-device",
    ),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    gid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    modifiedNs: fc.bigInt({ min: -(2n ** 60n), max: 2n ** 62n }),
    size: fc.nat(2000),
    linkTarget: byteString(300),
    major: fc.nat(4095),
    minor: fc.nat(1_000_000),
    attributes: fc
      .array(
        fc.tuple(
          byteString(20).map((name) => `user.${name.replaceAll("=", "-")}`),
          fc.uint8Array({ maxLength: 300 }),
        ),
      )
      .map((pairs) => new Map(pairs.map(([name, value]) => [name, Buffer.from(value)]))),
    extents,
  })
  .map(({ extents: map, ...entry }) => {
    const isLink = entry.kind === "symlink" || entry.kind === "hardlink";
    const last = map?.at(-1);
    const common = {
      ...entry,
      kind: entry.kind,
      linkTarget: isLink ? entry.linkTarget : "",
    };
    if (entry.kind !== "file") return { ...common, size: 0 };
    if (map === undefined) return common;
    return { ...common, extents: map, size: (last?.offset ?? 0) + (last?.length ?? 0) + entry.size };
  });

describe("the tar format", () => {
  it("decodes what it encodes, in any pieces", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyEntry, { maxLength: 4 }),
        fc.integer({ min: 1, max: 3000 }),
        async (entries, size) => {
          const archive = entries.flatMap((each) => [
            encodeEntry(each),
            Buffer.alloc(contentBytes(each), "content"),
            endOfEntry(each),
          ]);
          const reader = new TarReader(
            new ByteSource(pieces(Buffer.concat([...archive, ARCHIVE_END]), size)),
          );
          for (const expected of entries) {
            const decoded = await reader.next();
            const { extents: map, ...rest } = decoded ?? assert.fail("a member is missing");
            const { extents: expectedMap, ...expectedRest } = expected;
            assert.deepEqual(rest, expectedRest);
            assert.deepEqual(
              map?.filter(({ length }) => length > 0),
              expectedMap,
            );
            const content: Buffer[] = [];
            for (let piece = await reader.content(); piece !== undefined; piece = await reader.content())
              content.push(piece);
            assert.ok(Buffer.concat(content).equals(Buffer.alloc(contentBytes(expected), "content")));
          }
          assert.equal(await reader.next(), undefined);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("passes over contents that nobody reads", async () => {
    const entry = {
      ...fc.sample(anyEntry, 1)[0],
      kind: "file",
      size: 1000,
      linkTarget: "",
      name: "x",
    } as TarEntry;
    const { extents: _, ...plain } = entry;
    const one = Buffer.concat([encodeEntry(plain), Buffer.alloc(1000), endOfEntry(plain)]);
    const reader = new TarReader(new ByteSource(pieces(Buffer.concat([one, one, ARCHIVE_END]), 700)));
    assert.equal((await reader.next())?.name, "x");
    assert.equal((await reader.next())?.name, "x");
    assert.equal(await reader.next(), undefined);
  });
});
