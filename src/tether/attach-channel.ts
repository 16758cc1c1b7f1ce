import type { ServerChannel } from "ssh2";
import type { StreamSink } from "../protocol/streams/index.ts";
import type { Exit, Session } from "../session/index.ts";
import { signalName } from "../protocol/signals.ts";
import { onceClientEnded } from "./channel-end.ts";

/** Where a client that was attached before goes on. */
export interface AttachOffsets {
  readonly output: number;
  readonly errorOutput: number;
}

/**
 * Connects one SSH channel to a session: channel data is standard input and output, extended data standard
 * error output (RFC 4254 section 5.2), the exit follows the last byte (section 6.10).
 *
 * @param exit resolves with how the session ended, or undefined when it never ran.
 * @returns disconnects the channel, when its link is gone: ssh2 closes a channel that is paused only once it
 *   is read.
 */
export function attachChannel(
  channel: ServerChannel,
  session: Session,
  offsets: AttachOffsets,
  exit: Promise<Exit | undefined>,
): () => void {
  const writer = new ChannelWriter(channel);
  const output = new EndingSink((chunk, done) => writer.write(channel, chunk, done));
  const errorOutput = new EndingSink((chunk, done) => writer.write(channel.stderr, chunk, done));
  const detachInput = session.input.attach(channel, onceClientEnded(channel));
  const detachOutput = session.attach({
    output,
    errorOutput,
    outputOffset: offsets.output,
    errorOutputOffset: offsets.errorOutput,
  });
  const detach = (): void => {
    detachInput();
    detachOutput();
  };
  channel.once("close", detach);
  void Promise.all([output.ended, errorOutput.ended, exit]).then(([, , status]) => {
    if (status !== undefined) sendExit(channel, status);
    channel.end();
  });
  return detach;
}

function sendExit(channel: ServerChannel, { code, signal, coreDumped }: Exit): void {
  if (signal === 0) channel.exit(code);
  else channel.exit(signalName(signal), coreDumped);
}

/** One of a channel's two outputs: ssh2 calls back when the chunk fits the channel's window, and what it has taken counts as on its way. */
class EndingSink implements StreamSink {
  readonly write: StreamSink["write"];
  readonly #ended = Promise.withResolvers<void>();

  constructor(write: StreamSink["write"]) {
    this.write = write;
  }

  /** Resolves when everything was written. The channel itself stays open: it has the exit to carry. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  end(): void {
    this.#ended.resolve();
  }
}

/** Where ssh2 keeps what a channel's window did not take: data, extended data, and whom to tell. */
interface WaitingForWindow {
  _chunk?: Buffer | undefined;
  _chunkcb?: (() => void) | undefined;
  _chunkErr?: Buffer | undefined;
  _chunkcbErr?: (() => void) | undefined;
}

/**
 * Writes one chunk at a time into a channel, whichever of its outputs it is for. When the channel's window
 * opens, ssh2 1.17 serves only one of the two outputs that wait for it, and it never forgets what it has kept
 * for one: with both at work, one would stall for ever and the other repeat itself.
 */
class ChannelWriter {
  readonly #waiting: WaitingForWindow;
  readonly #queue: Array<() => void> = [];
  #isWriting = false;

  constructor(channel: ServerChannel) {
    this.#waiting = channel as unknown as WaitingForWindow;
  }

  write(target: NodeJS.WritableStream, chunk: Buffer, done: () => void): void {
    this.#queue.push(() => {
      target.write(chunk, () => {
        Object.assign(this.#waiting, NOTHING_WAITS);
        this.#isWriting = false;
        done();
        this.#next();
      });
    });
    this.#next();
  }

  #next(): void {
    if (this.#isWriting) return;
    const write = this.#queue.shift();
    if (write === undefined) return;
    this.#isWriting = true;
    write();
  }
}

const NOTHING_WAITS: WaitingForWindow = {
  _chunk: undefined,
  _chunkcb: undefined,
  _chunkErr: undefined,
  _chunkcbErr: undefined,
};
