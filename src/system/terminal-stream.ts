import { writeSync } from "node:fs";
import { ReadStream } from "node:tty";

/**
 * How long to wait for room when the terminal's input queue (4 KiB, N_TTY_BUF_SIZE) is full because its
 * program does not read. Node can not wait for a descriptor to become writable by itself.
 */
const FULL_RETRY_MS = 10;

type WriteCallback = (error?: Error | null) => void;

/**
 * The master side of a pty as a stream for both directions. The descriptor must be non-blocking.
 *
 * When the last process closes the slave, read(2) gives EIO, tty_ioctl(4). For the reader that is the end
 * of the output and no error, so it is turned into the stream's end, behind every byte that is still
 * buffered.
 *
 * Writing does not go through libuv, which repeats write(2) on a pty master without pause while its queue
 * is full (`UV_HANDLE_BLOCKING_WRITES`): one program that does not read would stop the whole agent.
 */
export class TerminalStream extends ReadStream {
  readonly #descriptor: number;
  #retry: NodeJS.Timeout | undefined;

  constructor(descriptor: number) {
    super(descriptor);
    this.#descriptor = descriptor;
  }

  override destroy(error?: Error): this {
    if (error === undefined || !isEndOfTerminal(error) || this.destroyed) return super.destroy(error);
    this.push(null);
    // A stream that nobody reads at the moment notices its end with the next read only.
    this.read(0);
    return this;
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: WriteCallback): void {
    this.#writeSome(typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk, done);
  }

  override _writev(
    chunks: { chunk: Buffer | string; encoding: BufferEncoding }[],
    done: WriteCallback,
  ): void {
    const buffers = chunks.map(({ chunk, encoding }) =>
      typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk,
    );
    this.#writeSome(Buffer.concat(buffers), done);
  }

  /** A terminal has no half-close: what ends the input is a character, and the caller's to send. */
  override _final(done: WriteCallback): void {
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#retry);
    super._destroy(error, done);
  }

  #writeSome(bytes: Buffer, done: WriteCallback): void {
    // The descriptor's number may be somebody else's by now.
    if (this.destroyed) return done();
    let written = 0;
    try {
      written = writeSync(this.#descriptor, bytes);
    } catch (error) {
      // Nobody is left to read what is typed; that the terminal has ended, its reader learns.
      if (codeOf(error) === "EIO") return done();
      if (codeOf(error) !== "EAGAIN") return done(error as Error);
    }
    if (written === bytes.length) return done();
    const rest = bytes.subarray(written);
    this.#retry = setTimeout(() => this.#writeSome(rest, done), FULL_RETRY_MS);
  }
}

function isEndOfTerminal(error: NodeJS.ErrnoException): boolean {
  return error.code === "EIO" && error.syscall === "read";
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}
