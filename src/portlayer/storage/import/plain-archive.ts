import { createReadStream, createWriteStream } from "node:fs";
import { statfs } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

import { TetherError } from "../../../protocol/errors/index.ts";
import { decompressorFor } from "./decompression.ts";

/**
 * An archive without its compression: skopeo 1.9 fails on small ones that have one.
 *
 * @param target made when the file is compressed.
 * @returns the file itself, or the target.
 * @throws TetherError `no-space`; an Error for what cannot be decompressed.
 */
export async function plainArchive(
  file: string,
  target: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const decompressor = await decompressorFor(file);
  if (decompressor === undefined) return file;
  const { bavail, bsize } = await statfs(file);
  await pipeline(
    createReadStream(file),
    decompressor,
    // What is in it is copied and unpacked beside it.
    new Limit((bavail * bsize) / 2, file),
    createWriteStream(target, { flags: "wx", mode: 0o600 }),
    signal === undefined ? {} : { signal },
  );
  return target;
}

/** Lets so many bytes through. */
class Limit extends Transform {
  constructor(bytes: number, name: string) {
    let left = bytes;
    super({
      transform: (chunk: Buffer, _encoding, done) => {
        left -= chunk.length;
        if (left >= 0) done(null, chunk);
        else done(new TetherError("no-space", `${name} unpacks to more than fits on this machine's disk`));
      },
    });
  }
}
