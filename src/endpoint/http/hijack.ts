import type { Readable, Writable } from "node:stream";
import { ApiError } from "./api-error.ts";
import type { Exchange } from "./exchange.ts";

/** The first version that names the streams of a container without a terminal as what they are. */
const MULTIPLEXED_SINCE = 42;

/** The media type of a container's streams. */
export function streamType(exchange: Exchange, tty: boolean): string {
  return !tty && exchange.version >= MULTIPLEXED_SINCE
    ? "application/vnd.docker.multiplexed-stream"
    : "application/vnd.docker.raw-stream";
}

/** A connection that has been taken over. */
export interface Connection {
  readonly output: Writable;
  /** Undefined: the client had no way to send any. */
  readonly input: Readable | undefined;
}

/**
 * Takes the connection over for a container's streams: from here on it is the caller's, who reads input from it and
 * ends it. Errors are to be told before.
 *
 * @param needsInput without `Upgrade` there is no way for input.
 */
export function hijack(exchange: Exchange, tty: boolean, needsInput: boolean): Connection {
  const { upgrade, response } = exchange;
  if (upgrade === undefined) return withoutUpgrade(exchange, tty, needsInput);
  const { socket } = upgrade;
  const headers = Object.entries(exchange.commonHeaders).map(([name, value]) => `${name}: ${value}`);
  response.detachSocket(socket as never);
  const head = [
    "HTTP/1.1 101 UPGRADED",
    `Content-Type: ${streamType(exchange, tty)}`,
    "Connection: Upgrade",
    "Upgrade: tcp",
    ...headers,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  return { output: socket, input: socket };
}

/** Output only, until the connection's end. */
function withoutUpgrade(exchange: Exchange, tty: boolean, needsInput: boolean): Connection {
  if (needsInput)
    throw new ApiError(
      400,
      "standard input needs a request with the headers Connection: Upgrade, Upgrade: tcp",
    );
  const { response } = exchange;
  response.shouldKeepAlive = false;
  response.useChunkedEncodingByDefault = false;
  exchange.begin(200, { "Content-Type": streamType(exchange, tty), Connection: "close" });
  return { output: response, input: undefined };
}
