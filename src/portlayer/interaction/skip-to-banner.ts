import type { Socket } from "node:net";
import { Duplex } from "node:stream";

const BANNER = Buffer.from("SSH-2.0-");

/** What a cut link can still hold: one channel window and its packaging. */
const MAX_SKIPPED_BYTES = 4 * 1024 * 1024;

/**
 * The link's stream from the guest's next SSH banner on. When a link is cut and opened again, bytes of the old
 * connection may come first: they are ciphertext, in which the banner does not occur by chance (2^-64 per byte).
 */
export function skipToBanner(socket: Socket): Duplex {
  let tail: Buffer | undefined = Buffer.alloc(0);
  let skipped = 0;
  const stream = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, done) => void socket.write(chunk, done),
    writev: (chunks, done) =>
      void socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), done),
    final: (done) => void socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  const deliver = (chunk: Buffer): void => {
    if (!stream.push(chunk)) socket.pause();
  };
  socket.on("data", (chunk: Buffer) => {
    if (tail === undefined) {
      deliver(chunk);
      return;
    }
    const text = Buffer.concat([tail, chunk]);
    const start = text.indexOf(BANNER);
    if (start >= 0) {
      tail = undefined;
      deliver(text.subarray(start));
      return;
    }
    skipped += chunk.length;
    if (skipped > MAX_SKIPPED_BYTES) stream.destroy(new Error("the guest does not speak SSH"));
    tail = Buffer.from(text.subarray(-(BANNER.length - 1)));
  });
  socket.once("end", () => stream.push(null));
  socket.once("error", (error) => stream.destroy(error));
  socket.once("close", () => stream.destroy());
  return stream;
}
