import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { ApiError } from "./api-error.ts";

/** A request with a seccomp profile has some 20 KiB; nothing that is one JSON document needs more than this. */
const MOST_BYTES = 4 * 1024 * 1024;

/**
 * Reads a request's body.
 *
 * @param upgrade of a request with `Upgrade`: Node 24 leaves its body on the connection.
 * @throws ApiError 413, 400.
 */
export async function readBody(
  request: IncomingMessage,
  upgrade: { readonly socket: Duplex; readonly head: Buffer } | undefined,
): Promise<Buffer> {
  const { "content-length": length = "0", "transfer-encoding": encoding } = request.headers;
  if (Number(length) > MOST_BYTES) throw tooLarge();
  if (upgrade === undefined) return readAll(request);
  if (encoding !== undefined) throw new ApiError(400, "a request to upgrade needs a Content-Length");
  return readExactly(upgrade.socket, Number(length), upgrade.head);
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What comes behind it stays on the socket. */
async function readExactly(socket: Duplex, length: number, head: Buffer): Promise<Buffer> {
  let bytes = head;
  while (bytes.length < length) {
    const more = await nextChunk(socket);
    if (more === undefined) throw new ApiError(400, "unexpected EOF");
    bytes = Buffer.concat([bytes, more]);
  }
  if (bytes.length > length) socket.unshift(bytes.subarray(length));
  return bytes.subarray(0, length);
}

function nextChunk(socket: Duplex): Promise<Buffer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  const read = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) finish(chunk);
  };
  const end = (): void => finish(undefined);
  const finish = (chunk: Buffer | undefined): void => {
    socket.off("readable", read).off("end", end).off("close", end);
    resolve(chunk);
  };
  socket.on("readable", read).on("end", end).on("close", end);
  read();
  return promise;
}

function tooLarge(): ApiError {
  return new ApiError(413, `the request's body is larger than ${MOST_BYTES} bytes`);
}
