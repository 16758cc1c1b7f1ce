import assert from "node:assert/strict";
import fc from "fast-check";
import { decompressLz4Legacy, extractVmlinux, LZ4_LEGACY_MAGIC } from "../../../iso-build/kernel/index.ts";
import { TetherError } from "../../../src/protocol/errors/index.ts";

function stream(...blocks: readonly Buffer[]): Buffer {
  return Buffer.concat([LZ4_LEGACY_MAGIC, ...blocks.flatMap((block) => [size(block.length), block])]);
}

function size(bytes: number): Buffer {
  const field = Buffer.alloc(4);
  field.writeUInt32LE(bytes);
  return field;
}

describe("lz4 decompression", () => {
  it("copies literals, also more than 15", () => {
    const literals = Buffer.from("0123456789abcdefghij");
    assert.deepEqual(
      decompressLz4Legacy(stream(Buffer.concat([Buffer.from([0xf0, 5]), literals])), 20),
      literals,
    );
  });

  it("repeats a match that overlaps itself, across blocks", () => {
    const first = Buffer.from([0x20, ...Buffer.from("ab")]);
    const second = Buffer.from([0x02, 2, 0, 0x10, ...Buffer.from("!")]);
    assert.equal(decompressLz4Legacy(stream(first, second), 9).toString(), "abababab!");
  });

  it("refuses garbage with an error of the catalogue and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(300), (garbage, length) => {
        for (const input of [Buffer.from(garbage), stream(Buffer.from(garbage))]) {
          try {
            assert.equal(decompressLz4Legacy(input, length).length, length);
          } catch (error) {
            assert.ok(error instanceof TetherError);
          }
        }
      }),
    );
  });
});

describe("extracting vmlinux", () => {
  it("leaves alone what is no kernel", () => {
    assert.equal(extractVmlinux(Buffer.alloc(0)), undefined);
    assert.equal(extractVmlinux(Buffer.alloc(10_000, 0x41)), undefined);
  });
});
