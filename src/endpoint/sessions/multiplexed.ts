import { Writable } from "node:stream";

/** Docker's numbers of the streams in frames. */
export const STREAMS = { stdout: 1, stderr: 2 } as const;

/** Type, three zeros, and the length of what follows (docs/api: attach, "stream format"). */
const HEADER_BYTES = 8;

/** A frame of Docker's multiplexed streams. */
export function frame(stream: keyof typeof STREAMS, data: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + data.length);
  bytes.writeUInt32BE(STREAMS[stream] * 2 ** 24, 0);
  bytes.writeUInt32BE(data.length, 4);
  bytes.set(data, HEADER_BYTES);
  return bytes;
}

/**
 * One output of a session, on a connection that several share. A client that has gone takes everything: the process
 * does not wait for it.
 *
 * @param pack makes what is sent of what is written.
 */
export function outputOn(target: Writable, pack: (data: Buffer) => Uint8Array): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (target.destroyed || target.writableEnded) {
        done();
        return;
      }
      target.write(pack(chunk), () => done());
    },
  });
}

/** An output that nobody wants. */
export function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
