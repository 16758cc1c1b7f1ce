import type { Duplex } from "node:stream";
import {
  decodeRequest,
  encodeMessage,
  type Event,
  type Reply,
  type Request,
} from "../protocol/control-messages.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { DelimitedDecoder } from "../protocol/length-delimited.ts";

/** What a request is answered with, beside its number. */
export type ReplyBody = Omit<Reply, "id" | "error">;

/** What the control channel asks of the agent. */
export interface ControlTarget {
  /**
   * Carries a request out: what it changes at once is changed when this returns.
   *
   * @throws TetherError for the client.
   */
  carryOut(request: Request): ReplyBody | Promise<ReplyBody>;
  subscribe(listener: (event: Event) => void): () => void;
}

/** A client that does not read has missed nothing yet: it connects again and asks for the events that it lacks. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024;

/**
 * Serves requests and events on one channel until the channel closes. A malformed request ends the
 * channel; a request that fails is answered with its error.
 */
export function serveControl(channel: Duplex, target: ControlTarget): void {
  const decoder = new DelimitedDecoder();
  const send = (message: Buffer): void => {
    if (!channel.writable) return;
    if (channel.writableLength + message.length <= MOST_WAITING_BYTES) channel.write(message);
    else close();
  };
  const unsubscribe = target.subscribe((event) => send(encodeMessage({ event })));
  const reply = (body: Reply): void => send(encodeMessage({ reply: body }));
  const close = (): void => {
    unsubscribe();
    channel.destroy();
  };
  channel.on("data", (chunk: Buffer) => {
    try {
      for (const bytes of decoder.push(chunk)) answer(decodeRequest(bytes), target, reply);
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

/** What takes time is answered when it is done; requests behind it do not wait for it. */
function answer(request: Request, target: ControlTarget, reply: (body: Reply) => void): void {
  const id = request.id ?? 0;
  const refuse = (thrown: unknown): void => {
    const { code, message } = TetherError.from(thrown, "internal", "the request failed");
    reply({ id, error: { code, message } });
  };
  try {
    const body = target.carryOut(request);
    if (body instanceof Promise) body.then((later) => reply({ id, ...later })).catch(refuse);
    else reply({ id, ...body });
  } catch (error) {
    refuse(error);
  }
}
