import { once } from "node:events";
import type { Writable } from "node:stream";

/**
 * Sends a piece of an answer that comes bit by bit; a client that reads slowly is waited for.
 *
 * @throws Error when the signal, which tells that the client has gone, is aborted meanwhile.
 */
export async function send(
  response: Writable,
  piece: Uint8Array | string,
  signal: AbortSignal,
): Promise<void> {
  if (response.write(piece) || response.destroyed) return;
  await once(response, "drain", { signal });
}

/** One line of JSON, as Docker's streams of documents have them. */
export function sendLine(response: Writable, value: object, signal: AbortSignal): Promise<void> {
  return send(response, `${JSON.stringify(value)}\n`, signal);
}
