import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { TetherError } from "../protocol/errors/index.ts";

/**
 * Reads a file to its end, or standard input for `-`.
 *
 * @throws TetherError `file-not-found`, or `usage` for more than `mostBytes`.
 */
export async function readInput(path: string, mostBytes: number): Promise<Buffer> {
  const input: Readable = path === "-" ? process.stdin : createReadStream(path);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of input) {
      const piece = Buffer.from(chunk);
      bytes += piece.length;
      if (bytes > mostBytes) throw new TetherError("usage", `${path}: has more than ${mostBytes} bytes`);
      chunks.push(piece);
    }
  } catch (error) {
    throw TetherError.from(error, "file-not-found", path);
  }
  return Buffer.concat(chunks);
}
