import { Writable } from "node:stream";
import {
  DEFAULT_DETACH_KEYS,
  detachOn,
  type LocalStreams,
  parseDetachKeys,
} from "../portlayer/interaction/index.ts";
import type { RunControl } from "../portlayer/execution/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { watchOutputs } from "./output-errors.ts";
import { SignalProxy } from "./signal-proxy.ts";
import { processStreams, takeTerminal } from "./terminal.ts";

/** How this command's own streams are used for a session. */
export interface ClientOptions {
  readonly input: boolean;
  readonly tty: boolean;
  /** Docker's syntax; empty or undefined for the default. */
  readonly detachKeys: string | undefined;
  /** False: a signal ends this command's part, and is not passed on. */
  readonly passesSignals: boolean;
  /** Which outputs are shown; both if undefined. */
  readonly outputs?: { readonly output: boolean; readonly errorOutput: boolean };
}

/** How {@link beClient} ended. */
export interface ClientEnd<T> {
  readonly result: T;
  /** The user has pressed the detach keys. */
  readonly isDetached: boolean;
}

/**
 * Lends this command's streams, terminal and signals to a session. The terminal is taken once there is a process:
 * until then ^C ends the command. All is given back at the end.
 *
 * @throws TetherError `not-a-terminal` before anything is done, `invalid-option` for detach keys that are none.
 */
export async function beClient<T>(
  options: ClientOptions,
  use: (streams: LocalStreams, control: RunControl) => Promise<T>,
): Promise<ClientEnd<T>> {
  const keys = parseDetachKeys(options.detachKeys || DEFAULT_DETACH_KEYS);
  const takesKeys = options.tty && options.input;
  if (takesKeys && !process.stdin.isTTY)
    throw new TetherError("not-a-terminal", "the input device is not a TTY");
  using signals = new SignalProxy(options.passesSignals);
  using _outputs = watchOutputs((reason) => signals.end(reason));
  using terminal = new DisposableStack();
  // An input that is still open would keep this process for ever.
  if (options.input) terminal.defer(() => process.stdin.destroy());
  const detach = new AbortController();
  const streams = selectOutputs(processStreams(options), options);
  const input = takesKeys ? process.stdin.pipe(detachOn(keys, () => detach.abort())) : streams.input;
  const result = await use(
    { ...streams, input },
    {
      abort: signals.abort,
      detach: detach.signal,
      onRunning: (signal) => {
        signals.passTo(signal);
        if (takesKeys) terminal.use(takeTerminal());
      },
    },
  );
  return { result, isDetached: detach.signal.aborted };
}

function selectOutputs(streams: LocalStreams, { outputs }: ClientOptions): LocalStreams {
  if (outputs === undefined) return streams;
  return {
    ...streams,
    output: outputs.output ? streams.output : nowhere(),
    errorOutput: outputs.errorOutput ? streams.errorOutput : nowhere(),
  };
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
