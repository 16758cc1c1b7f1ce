import { TetherError } from "../../src/protocol/errors/index.ts";

/** First bytes of lz4's "legacy" stream, the form that the kernel's build uses. */
export const LZ4_LEGACY_MAGIC = Buffer.from([0x02, 0x21, 0x4c, 0x18]);

// lz4 block format: lengths of 15 go on in further bytes, and a match is at least 4 bytes.
const LONG_LENGTH = 15;
const SHORTEST_MATCH = 4;

/**
 * Decompresses a legacy lz4 stream (lz4_Frame_format.md, "Legacy frame") to exactly `size` bytes.
 * Node has no lz4, and a Debian package for 40 lines is not worth its download.
 */
export function decompressLz4Legacy(stream: Buffer, size: number): Buffer {
  const output = Buffer.alloc(size);
  let written = 0;
  let position = LZ4_LEGACY_MAGIC.length;
  while (written < size) {
    if (position + 4 > stream.length) throw corrupt();
    const end = position + 4 + stream.readUInt32LE(position);
    if (end > stream.length) throw corrupt();
    written = decompressBlock(stream.subarray(position + 4, end), output, written);
    position = end;
  }
  return output;
}

/** Returns where the output ends after this block. A match may reach back into earlier blocks. */
function decompressBlock(block: Buffer, output: Buffer, start: number): number {
  let written = start;
  let position = 0;
  const length = (nibble: number): number => {
    if (nibble < LONG_LENGTH) return nibble;
    let total = nibble;
    let byte: number;
    do {
      byte = byteAt(block, position++);
      total += byte;
    } while (byte === 255);
    return total;
  };
  while (position < block.length) {
    const token = byteAt(block, position++);
    const literals = length(token >> 4);
    if (position + literals > block.length || written + literals > output.length) throw corrupt();
    block.copy(output, written, position, position + literals);
    written += literals;
    position += literals;
    if (position === block.length) break; // The last sequence of a block has no match.
    const distance = byteAt(block, position++) | (byteAt(block, position++) << 8);
    const matched = length(token & 15) + SHORTEST_MATCH;
    if (distance === 0 || distance > written || written + matched > output.length) throw corrupt();
    // Byte by byte where source and target overlap: the match then repeats itself.
    if (distance >= matched) output.copyWithin(written, written - distance, written - distance + matched);
    else for (let end = written + matched, i = written; i < end; i++) output[i] = output[i - distance] ?? 0;
    written += matched;
  }
  return written;
}

function byteAt(block: Buffer, position: number): number {
  const byte = block[position];
  if (byte === undefined) throw corrupt();
  return byte;
}

function corrupt(): TetherError {
  return new TetherError("not-set-up", "the kernel's compressed part is damaged");
}
