import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";

import { TetherError } from "../../../protocol/errors/index.ts";

/** Larger than zlib's 16 KiB: fewer trips between threads. */
const CHUNK_SIZE = 256 * 1024;

/** How compressed files begin. Docker trusts these bytes, not the media type, and so do we. */
const COMPRESSIONS: readonly { readonly magic: Buffer; readonly open: () => Duplex }[] = [
  { magic: Buffer.from("1f8b", "hex"), open: () => createGunzip({ chunkSize: CHUNK_SIZE }) },
  { magic: Buffer.from("28b52ffd", "hex"), open: () => createZstdDecompress({ chunkSize: CHUNK_SIZE }) },
  { magic: Buffer.from("fd377a585a00", "hex"), open: () => filter("xz", "xz-utils") },
  { magic: Buffer.from("BZh"), open: () => filter("bzip2", "bzip2") },
];

/** The stream that undoes a file's compression: gzip, zstd, xz, bzip2; undefined when there is none. */
export async function decompressorFor(path: string): Promise<Duplex | undefined> {
  await using file = await open(path, "r");
  const { buffer, bytesRead } = await file.read(Buffer.alloc(6), 0, 6, 0);
  const start = buffer.subarray(0, bytesRead);
  const found = COMPRESSIONS.find(({ magic }) => start.subarray(0, magic.length).equals(magic));
  return found?.open();
}

/** Node has no xz or bzip2: the ordinary tools, between two pipes. */
function filter(tool: string, debianPackage: string): Duplex {
  return Duplex.from(async function* (source: AsyncIterable<Buffer>) {
    const child = spawn(tool, ["-dc"], { detached: true, stdio: ["pipe", "pipe", "ignore"] });
    const outcome = new Promise<number | null | Error>((resolve) => {
      child.once("error", resolve);
      child.once("exit", resolve);
    });
    try {
      // A tool that stops reading says why by its exit status.
      pipeline(source, child.stdin).catch(() => undefined);
      yield* child.stdout as AsyncIterable<Buffer>;
      // Only the status tells the end of the file from its middle.
      const status = await outcome;
      if (status instanceof Error) {
        const message = `vch needs ${tool}: apt-get install ${debianPackage}`;
        throw new TetherError("tool-missing", message, { cause: status });
      }
      if (status !== 0) throw new Error(`${tool} found it damaged`);
    } finally {
      child.kill("SIGKILL");
    }
  });
}
