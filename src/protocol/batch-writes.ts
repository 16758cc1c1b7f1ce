import type { Writable } from "node:stream";

/**
 * Puts together what is written to a stream within one callback or one step of an async function: ssh2 writes a packet's length, body and tag one by
 * one, and each write is a message of its own on a virtio-serial port, which wakes the other side. Halves the
 * bridge's part of an exec.
 *
 * @returns the stream.
 */
export function batchWrites<Stream extends Writable>(stream: Stream): Stream {
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  const flush = (): void => stream.uncork();
  stream.write = (...args: unknown[]): boolean => {
    if (stream.writableCorked === 0) {
      stream.cork();
      // Not nextTick(), which comes behind all microtasks: an exit's event would wait for what follows it elsewhere.
      queueMicrotask(flush);
    }
    return write(...args);
  };
  return stream;
}
