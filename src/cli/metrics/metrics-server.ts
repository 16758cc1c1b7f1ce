import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { TetherError } from "../../protocol/errors/index.ts";
import type { ListenAddress } from "./listen-address.ts";
import { negotiateFormat } from "./negotiate-format.ts";
import type { MetricsFormat } from "./render-metrics.ts";

/** A collector or two, and somebody who looks; more is somebody else's mistake. */
const MOST_CONNECTIONS = 64;

/** A request has neither a body nor a reason to be slow. */
const REQUEST_LIMIT_MS = 10_000;

/** Serves `GET /metrics` until it is disposed of. */
export class MetricsServer implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * @param render makes what is served.
   * @throws TetherError `invalid-option` when the address cannot be listened on.
   */
  static async listen(
    { host, port }: ListenAddress,
    render: (format: MetricsFormat) => Promise<string>,
  ): Promise<MetricsServer> {
    const server = createServer((request, response) => answer(request, response, render));
    server.maxConnections = MOST_CONNECTIONS;
    server.headersTimeout = REQUEST_LIMIT_MS;
    server.requestTimeout = REQUEST_LIMIT_MS;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(port, host, resolve);
    try {
      await promise;
    } catch (error) {
      throw TetherError.from(error, "invalid-option", `--listen ${host}:${port}`);
    }
    server.off("error", reject);
    return new MetricsServer(server);
  }

  /** Where it can be looked at. */
  get url(): string {
    // Listening on TCP, it has one.
    const { address, family, port } = this.#server.address() as AddressInfo;
    return `http://${family === "IPv6" ? `[${address}]` : address}:${port}/metrics`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }
}

function answer(
  { method, url, headers }: IncomingMessage,
  response: ServerResponse,
  render: (format: MetricsFormat) => Promise<string>,
): void {
  const path = (url ?? "").split("?")[0];
  if (method !== "GET" && method !== "HEAD") {
    say(response.setHeader("Allow", "GET, HEAD"), 405, "only GET and HEAD are known here\n");
    return;
  }
  if (path !== "/metrics") {
    const isRoot = path === "/";
    say(response, isRoot ? 200 : 404, isRoot ? "vch: the metrics are at /metrics\n" : "not found\n");
    return;
  }
  const format = negotiateFormat(headers.accept);
  render(format).then(
    (body) => say(response, 200, body, format),
    (error: unknown) => say(response, 500, `${error instanceof Error ? error.message : String(error)}\n`),
  );
}

/** Node leaves the body of an answer to HEAD out. */
function say(
  response: ServerResponse,
  status: number,
  body: string,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(body) }).end(body);
}
