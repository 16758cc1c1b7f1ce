import { ReadStream } from "node:tty";

/**
 * The master side of a pty as a stream for both directions.
 *
 * When the last process closes the slave, read(2) gives EIO, tty_ioctl(4). For the reader that is the end
 * of the output and no error, so it is turned into the stream's end, behind every byte that is still
 * buffered.
 */
export class TerminalStream extends ReadStream {
  override destroy(error?: Error): this {
    if (error === undefined || !isEndOfTerminal(error) || this.destroyed) return super.destroy(error);
    this.push(null);
    // A stream that nobody reads at the moment notices its end with the next read only.
    this.read(0);
    return this;
  }
}

function isEndOfTerminal(error: NodeJS.ErrnoException): boolean {
  return error.code === "EIO" && error.syscall === "read";
}
