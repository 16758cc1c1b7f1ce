import { type Duplex, Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { TetherError } from "../../protocol/errors/index.ts";

/** What compressed archives begin with, as Docker tells them; Node takes the first two apart. */
const KINDS: ReadonlyArray<{ readonly name: string; readonly magic: Buffer; readonly open?: () => Duplex }> =
  [
    { name: "gzip", magic: Buffer.from("1f8b08", "hex"), open: () => createGunzip() },
    { name: "zstd", magic: Buffer.from("28b52ffd", "hex"), open: () => createZstdDecompress() },
    { name: "bzip2", magic: Buffer.from("BZh") },
    { name: "xz", magic: Buffer.from("fd377a585a00", "hex") },
  ];
const LONGEST_MAGIC = 6;

/**
 * An archive as tar, whether it comes compressed or not.
 *
 * @throws TetherError `archive-invalid` while it is read, for what is damaged or compressed in another way.
 */
export async function* decompressed(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = archive[Symbol.asyncIterator]();
  try {
    let start = Buffer.alloc(0);
    let isAtEnd = false;
    while (!isAtEnd && start.length < LONGEST_MAGIC) {
      const { done, value } = await chunks.next();
      isAtEnd = done === true;
      if (done !== true) start = Buffer.concat([start, value]);
    }
    const whole = joined(start, chunks);
    const kind = KINDS.find(({ magic }) => start.subarray(0, magic.length).equals(magic));
    if (kind === undefined) yield* whole;
    else if (kind.open !== undefined) yield* inflated(whole, kind.open());
    else throw new TetherError("archive-invalid", `an archive compressed with ${kind.name} is not taken`);
  } finally {
    await chunks.return?.();
  }
}

async function* joined(start: Buffer, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (start.length > 0) yield start;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
}

async function* inflated(source: AsyncIterable<Uint8Array>, stream: Duplex): AsyncGenerator<Uint8Array> {
  const input = Readable.from(source);
  input.once("error", (error) => stream.destroy(error));
  input.pipe(stream);
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    throw TetherError.from(error, "archive-invalid", "the archive is damaged");
  } finally {
    input.destroy();
    stream.destroy();
  }
}
