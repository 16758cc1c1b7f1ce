import { createHash } from "node:crypto";
import { Duplex } from "node:stream";
import { ApiError } from "./api-error.ts";
import type { Exchange } from "./exchange.ts";
import type { Connection } from "./hijack.ts";
import {
  CLOSE_CODES,
  encodeBinary,
  encodeClose,
  encodePong,
  encodeText,
  FrameReader,
  WebSocketError,
  type WebSocketEvent,
} from "./web-socket-frames.ts";

/** RFC 6455, section 1.3: what proves that a server speaks the protocol. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** The first version whose streams are binary messages; before, they were text. */
const BINARY_SINCE = 28;

/**
 * Takes the connection over as a WebSocket (RFC 6455) that carries a stream of bytes each way.
 *
 * @throws ApiError 400 for a request that is none for a WebSocket; 403 for one from a page of another site: browsers let
 *   every page open WebSockets to this machine.
 */
export function acceptWebSocket(exchange: Exchange): Connection {
  const { upgrade, request, response, version } = exchange;
  const { "sec-websocket-key": key, "sec-websocket-version": protocol, upgrade: wanted } = request.headers;
  if (
    upgrade === undefined ||
    wanted?.toLowerCase() !== "websocket" ||
    key === undefined ||
    protocol !== "13"
  )
    throw new ApiError(400, "a WebSocket (RFC 6455, version 13) has to be asked for");
  refuseOtherSites(exchange);
  const { socket, head } = upgrade;
  const headers = Object.entries(exchange.commonHeaders).map(([name, value]) => `${name}: ${value}`);
  response.detachSocket(socket as never);
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${createHash("sha1")
      .update(key + GUID)
      .digest("base64")}`,
    ...headers,
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  const stream = new WebSocketStream(socket, version >= BINARY_SINCE ? encodeBinary : encodeText);
  return { output: stream, input: stream };
}

function refuseOtherSites({ request: { headers } }: Exchange): void {
  const { origin, host } = headers;
  if (origin === undefined) return;
  if (!URL.canParse(origin) || new URL(origin).host !== host)
    throw new ApiError(403, `pages of ${origin} may not use this endpoint`);
}

/**
 * The bytes of a WebSocket's messages. There is no half of it to close: the end of what is written closes it, and a client
 * that closes it has gone.
 */
class WebSocketStream extends Duplex {
  readonly #socket: Duplex;
  readonly #encode: (data: Uint8Array) => Buffer;
  readonly #frames = new FrameReader();

  constructor(socket: Duplex, encode: (data: Uint8Array) => Buffer) {
    super();
    this.#socket = socket;
    this.#encode = encode;
    socket.pause();
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("end", () => this.destroy());
    socket.on("close", () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(this.#encode(chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(encodeClose(CLOSE_CODES.normal), () => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // What has been written still goes out.
    this.#socket.end(() => this.#socket.destroy());
    done(error);
  }

  #receive(chunk: Buffer): void {
    try {
      for (const event of this.#frames.read(chunk)) this.#take(event);
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error;
      this.#socket.write(encodeClose(CLOSE_CODES.protocolError));
      this.destroy();
    }
  }

  #take({ kind, data }: WebSocketEvent): void {
    if (this.destroyed) return;
    if (kind === "data") {
      if (!this.push(data)) this.#socket.pause();
    } else if (kind === "ping") this.#socket.write(encodePong(data));
    else {
      if (!this.writableEnded) this.#socket.write(encodeClose(CLOSE_CODES.normal));
      this.destroy();
    }
  }
}
