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
  const output = new EndingSink(channel);
  const errorOutput = new EndingSink(channel.stderr);
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

/**
 * Writes to a channel one chunk at a time: ssh2 calls back when the chunk fits the channel's window, and what
 * it has taken counts as on its way.
 */
class EndingSink implements StreamSink {
  readonly #target: NodeJS.WritableStream;
  readonly #ended = Promise.withResolvers<void>();

  constructor(target: NodeJS.WritableStream) {
    this.#target = target;
  }

  /** Resolves when everything was written. The channel itself stays open: it has the exit to carry. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  write(chunk: Buffer, done: () => void): void {
    this.#target.write(chunk, done);
  }

  end(): void {
    this.#ended.resolve();
  }
}
