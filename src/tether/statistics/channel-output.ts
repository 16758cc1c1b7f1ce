import type { Socket } from "node:net";
import type { ServerChannel } from "ssh2";

/** A client that has so much of the statistics still to take loses samples: some fifty differences, or a dozen full ones. */
const MOST_UNSENT_BYTES = 16 * 1024;

/** Where ssh2 1.17 keeps the link that a channel is on. It writes there without asking whether that takes it. */
interface ChannelOnLink {
  readonly _client: { readonly _sock: Socket };
}

/**
 * What one channel sends. ssh2 tells how far the channel's window goes (2 MiB), which is far too much for each of a
 * hundred subscribers: counted is what has not left the process.
 */
export class ChannelOutput {
  readonly #channel: ServerChannel;
  readonly #link: Socket;
  #unsentBytes = 0;
  /** Of the link's bytes the last one of ours. */
  #lastByte = 0;
  #hasEnded = false;
  #waiter: (() => void) | undefined;

  constructor(channel: ServerChannel) {
    this.#channel = channel;
    this.#link = (channel as unknown as ChannelOnLink)._client._sock;
  }

  /** Whether there is room for another sample. */
  get isReady(): boolean {
    return !this.#hasEnded && this.#unsent() <= MOST_UNSENT_BYTES;
  }

  /** Sends without waiting. */
  write(bytes: Buffer): void {
    if (this.#hasEnded || !this.#channel.writable) return;
    // When it goes on in the channel's window.
    this.#channel.write(bytes, () => this.#look());
    this.#unsentBytes += bytes.length;
    this.#lastByte = this.#link.bytesWritten;
  }

  /** Resolves when there is room again, or nobody is there any more. */
  async room(): Promise<void> {
    if (this.#isFree()) return;
    const drained = Promise.withResolvers<void>();
    this.#waiter = drained.resolve;
    const look = (): void => this.#look();
    // A hundred channels may wait for one link.
    this.#link.setMaxListeners(0);
    this.#link.on("drain", look);
    await drained.promise;
    this.#link.off("drain", look);
  }

  /** Nobody is there any more. */
  end(): void {
    this.#hasEnded = true;
    this.#look();
  }

  #look(): void {
    if (!this.#isFree()) return;
    this.#waiter?.();
    this.#waiter = undefined;
  }

  /** Below its mark the link does not tell when it has sent everything, so that cannot be waited for. */
  #isFree(): boolean {
    return this.#hasEnded || (this.#channel.writableLength === 0 && !this.#link.writableNeedDrain);
  }

  #unsent(): number {
    const { bytesWritten, writableLength } = this.#link;
    if (this.#channel.writableLength === 0 && bytesWritten - writableLength >= this.#lastByte)
      this.#unsentBytes = 0;
    return this.#unsentBytes;
  }
}
