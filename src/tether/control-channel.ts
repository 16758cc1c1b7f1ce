import type { Duplex } from "node:stream";
import {
  decodeRequest,
  encodeMessage,
  type Event,
  type Reply,
  type Request,
  type Snapshot,
  type Time,
} from "../protocol/control-messages.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { DelimitedDecoder } from "../protocol/length-delimited.ts";

/** The year 9999: a clock that is set further breaks whatever formats times. */
const MAX_TIME_MS = Date.UTC(9999, 0);

/** What the control channel asks of the agent. */
export interface ControlTarget {
  snapshot(): Snapshot;
  signal(signal: number, toGroup: boolean): void;
  acknowledgeExit(): void;
  powerOff(): void;
  /** Sets the wall clock: milliseconds since 1970. */
  setClock(milliseconds: number): void;
  subscribe(listener: (event: Event) => void): () => void;
}

/**
 * Serves requests and events on one channel until the channel closes. A malformed request ends the
 * channel; a request that fails is answered with its error.
 */
export function serveControl(channel: Duplex, target: ControlTarget): void {
  const decoder = new DelimitedDecoder();
  const unsubscribe = target.subscribe((event) => channel.write(encodeMessage({ event })));
  channel.on("data", (chunk: Buffer) => {
    try {
      for (const bytes of decoder.push(chunk))
        channel.write(encodeMessage({ reply: answer(decodeRequest(bytes), target) }));
    } catch {
      // Whoever speaks something else on this channel is told by its end.
      unsubscribe();
      channel.end();
      channel.removeAllListeners("data");
      channel.resume();
    }
  });
  channel.once("close", unsubscribe);
  channel.once("end", () => {
    unsubscribe();
    channel.end();
  });
}

function answer(request: Request, target: ControlTarget): Reply {
  const id = request.id ?? 0;
  try {
    return { id, ...carryOut(request, target) };
  } catch (thrown) {
    const error = TetherError.from(thrown, "internal", "the request failed");
    return { id, error: { code: error.code, message: error.message } };
  }
}

function carryOut(request: Request, target: ControlTarget): Pick<Reply, "snapshot"> {
  if (request.getSnapshot) return { snapshot: target.snapshot() };
  if (request.signalSession) {
    const signal = request.signalSession.signal ?? 0;
    if (signal < 1 || signal > 64) throw new TetherError("invalid-option", `invalid signal: ${signal}`);
    target.signal(signal, request.signalSession.group ?? false);
  } else if (request.acknowledgeExit) target.acknowledgeExit();
  else if (request.powerOff) target.powerOff();
  else if (request.setClock) target.setClock(toMilliseconds(request.setClock.time));
  else throw new TetherError("link-protocol", "the agent does not know this request");
  return {};
}

function toMilliseconds(time: Time | null | undefined): number {
  const milliseconds = (time?.seconds ?? 0) * 1000 + Math.round((time?.nanoseconds ?? 0) / 1e6);
  if (milliseconds <= 0 || milliseconds > MAX_TIME_MS)
    throw new TetherError("invalid-option", "no time that a clock can be set to");
  return milliseconds;
}
