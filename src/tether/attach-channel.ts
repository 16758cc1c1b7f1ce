import type { ServerChannel, Session as SshSession } from "ssh2";
import { TetherError } from "../protocol/errors/index.ts";
import { CUT_OFF_SIGNAL } from "../protocol/link-names.ts";
import { signalName } from "../protocol/signals.ts";
import type { Departure, StreamSink } from "../protocol/streams/index.ts";
import type { Exit, Session } from "../session/index.ts";
import { sendExitSignal } from "./exit-signal.ts";

/** What a client asks for that attaches. */
export interface AttachRequest {
  /** Bytes of each stream that it has had already. */
  readonly output: number;
  readonly errorOutput: number;
  readonly kind: "hold" | "follow";
}

/** The exit statuses of what could not run, for clients that know no other words (OpenSSH's). */
const EXIT_NOT_FOUND = 127;
const EXIT_NOT_STARTED = 126;

/**
 * Connects one SSH channel to a session: channel data is standard input and output, extended data standard
 * error output (RFC 4254 section 5.2), the exit follows the last byte (section 6.10).
 *
 * @param ssh the channel's requests and their end: the channel itself, when it is paused, does not tell.
 * @returns disconnects the channel, when its link is gone, of which neither tells.
 */
export function attachChannel(
  ssh: SshSession,
  channel: ServerChannel,
  session: Session,
  request: AttachRequest,
): (departure: Departure) => void {
  const writer = new ChannelWriter(channel);
  let isCutOff = false;
  /** As far as the client is attached already. */
  const leave: Array<() => void> = [];
  const cutOff = (name: string) => (missedBytes: number) => {
    if (isCutOff) return;
    isCutOff = true;
    for (const each of leave) each();
    endCutOff(channel, `${missedBytes} bytes of ${name} were left out`);
  };
  const output = new EndingSink(
    (chunk, done) => writer.write(channel, chunk, done),
    cutOff("standard output"),
  );
  const errorOutput = new EndingSink(
    (chunk, done) => writer.write(channel.stderr, chunk, done),
    cutOff("standard error output"),
  );
  // The stream ends for a broken link as well.
  let hasEnded = false;
  ssh.once("eof", () => {
    hasEnded = true;
  });
  const detachInput = session.input.attach(channel, () => hasEnded);
  leave.push(detachInput);
  const detachOutput = session.attach({
    output,
    errorOutput,
    outputOffset: request.output,
    errorOutputOffset: request.errorOutput,
    kind: request.kind,
  });
  leave.push(() => detachOutput("left"));
  // A client that has come back too late was cut off before there was anything to detach.
  if (isCutOff) detachOutput("left");
  // What the client sent before it left is still the process's, which may read it later.
  ssh.once("close", () => detachOutput("left"));
  void sendOutcome(channel, session, Promise.all([output.ended, errorOutput.ended]));
  return (departure) => {
    detachInput();
    detachOutput(departure);
  };
}

/** A client that leaves before is forgotten: it must not wait for the process's end. */
async function sendOutcome(
  channel: ServerChannel,
  session: Session,
  outputsEnded: Promise<unknown>,
): Promise<void> {
  await outputsEnded;
  const outcome = await session.outcome;
  if (outcome instanceof TetherError) sendError(channel, outcome);
  else sendExit(channel, outcome);
  channel.end();
}

/** The signal name is our own (RFC 4254 section 6.10 allows NAME@DOMAIN): no process ends so. */
function endCutOff(channel: ServerChannel, message: string): void {
  sendExitSignal(channel, {
    name: CUT_OFF_SIGNAL,
    coreDumped: false,
    message: `this client was too slow: ${message}`,
  });
  channel.end();
}

function sendError(channel: ServerChannel, error: TetherError): void {
  channel.stderr.write(`${error.message}\n`);
  channel.exit(error.code === "command-not-found" ? EXIT_NOT_FOUND : EXIT_NOT_STARTED);
}

function sendExit(channel: ServerChannel, { code, signal, coreDumped }: Exit): void {
  if (signal === 0) channel.exit(code);
  else sendExitSignal(channel, { name: signalName(signal), coreDumped, message: "" });
}

/** One of a channel's two outputs: ssh2 calls back when the chunk fits the channel's window, and what it has taken counts as on its way. */
class EndingSink implements StreamSink {
  readonly write: StreamSink["write"];
  readonly overrun: (missedBytes: number) => void;
  readonly #ended = Promise.withResolvers<void>();

  constructor(write: StreamSink["write"], overrun: (missedBytes: number) => void) {
    this.write = write;
    this.overrun = overrun;
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
