import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { ApiError, toApiError } from "./api-error.ts";
import { NEWEST, readVersion, type VersionedPath } from "./api-version.ts";
import { Exchange, type Headers } from "./exchange.ts";
import type { EndpointMetrics } from "../metrics/endpoint-metrics.ts";
import type { Log } from "./log.ts";
import type { Found, Router } from "./router.ts";
import type { Tls } from "../tls/read-tls.ts";

/** Each attached client, log and wait has a connection; above that somebody has lost count. */
const MOST_CONNECTIONS = 4096;

/** A request's head is there at once; bodies (archives) may take their time. */
const HEAD_LIMIT_MS = 10_000;

/** Of a request's head, with its path. */
const MOST_HEAD_BYTES = 32 * 1024;

/** Of TCP, where a client may vanish without a word: its machine is asked whether it is there, as often as dockerd does. */
const WATCHED = { keepAlive: true, keepAliveInitialDelay: 15_000 } as const;

/** What metrics call the route of a path that has none. */
const NO_ROUTE = "none";

/** What a server is made of. */
export interface ApiServerParts {
  readonly router: Router;
  readonly log: Log;
  readonly metrics: Pick<EndpointMetrics, "begin">;
  /** Of `vch`, for the header `Server`. */
  readonly version: string;
}

/** Docker's API on any number of listeners. */
export class ApiServer {
  readonly #parts: ApiServerParts;
  /** Of every answer. */
  readonly #headers: Headers;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Duplex>();
  readonly #closing = new AbortController();
  readonly #active = new Set<Promise<void>>();

  constructor(parts: ApiServerParts) {
    this.#parts = parts;
    this.#headers = {
      "Api-Version": NEWEST,
      "Docker-Experimental": "false",
      Ostype: "linux",
      Server: `Tether/${parts.version} (linux)`,
    };
  }

  /**
   * A server that is not listening yet.
   *
   * @param tls only who has a certificate of the authority's is answered; undefined: whoever connects.
   */
  addListener(tls: Tls | undefined): Server {
    const server =
      tls === undefined ? createServer({ maxHeaderSize: MOST_HEAD_BYTES, ...WATCHED }) : this.#tlsServer(tls);
    server.maxConnections = MOST_CONNECTIONS;
    server.headersTimeout = HEAD_LIMIT_MS;
    server.requestTimeout = 0;
    server.timeout = 0;
    // Like dockerd's: a connection that is closed for its age may be closed under a client's next request.
    server.keepAliveTimeout = 0;
    server.on("request", (request: IncomingMessage, response: ServerResponse) =>
      this.#begin(request, response, undefined),
    );
    server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      // From here on nobody else listens.
      socket.on("error", () => {});
      socket.setNoDelay(true);

      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      response.assignSocket(socket);
      response.on("finish", () => socket.end());
      this.#begin(request, response, { socket, head });
    });
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#servers.push(server);
    return server;
  }

  #tlsServer(tls: Tls): Server {
    const server = createTlsServer({
      ...tls,
      ...{ requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.2" },
      ...{ maxHeaderSize: MOST_HEAD_BYTES, handshakeTimeout: HEAD_LIMIT_MS, ...WATCHED },
      // A client that has no more input still wants the output, as without TLS.
      allowHalfOpen: true,
    });
    server.on("tlsClientError", (error, socket) =>
      this.#parts.log.info({ from: socket.remoteAddress }, `refused: ${error.message}`),
    );
    return server;
  }

  /** Takes no more requests, ends those that wait for something, and then all connections. */
  async close(limitMs: number): Promise<void> {
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    this.#closing.abort(new Error("the endpoint is ending"));
    const limit = new Promise((resolve) => setTimeout(resolve, limitMs).unref());
    await Promise.race([Promise.all(this.#active), limit]);
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  #begin(
    request: IncomingMessage,
    response: ServerResponse,
    upgrade: { readonly socket: Socket; readonly head: Buffer } | undefined,
  ): void {
    const done = this.#answer(request, response, upgrade).finally(() => this.#active.delete(done));
    this.#active.add(done);
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    upgrade: { readonly socket: Socket; readonly head: Buffer } | undefined,
  ): Promise<void> {
    const begun = performance.now();
    // What a client that leaves in the middle of an answer does is told by the exchange's signal.
    response.on("error", ignore);
    const { method = "", url = "/" } = request;
    const [whole = "/", queryText = ""] = url.split("?", 2);
    const { route, version, parameters } = this.#find(method, whole);
    const observed = this.#parts.metrics.begin(method, route.path);
    const exchange = new Exchange({
      ...{ request, response, version, queryText, parameters, upgrade },
      ...{ log: this.#parts.log, commonHeaders: this.#headers, closing: this.#closing.signal },
    });
    try {
      await route.answer(exchange);
    } catch (error) {
      this.#fail(exchange, error);
    }
    const status = upgrade !== undefined && !response.headersSent ? 101 : response.statusCode;
    observed.end(status);
    const ms = Math.round(performance.now() - begun);
    this.#parts.log.debug({ ...exchange.logFields, status, ms }, "answered");
  }

  /** What answers. It throws for what is refused. */
  #find(method: string, whole: string): Found & Pick<VersionedPath, "version"> {
    try {
      const { version, path } = readVersion(whole);
      const found = this.#parts.router.find(method, path);
      if (found === undefined) throw new ApiError(404, "page not found");
      return { ...found, version };
    } catch (error) {
      const answer = (): never => {
        throw error;
      };
      return { route: { path: NO_ROUTE, answer }, version: 0, parameters: {} };
    }
  }

  #fail(exchange: Exchange, thrown: unknown): void {
    if (exchange.signal.aborted && exchange.response.headersSent) {
      exchange.response.destroy();
      return;
    }
    const error = toApiError(thrown);
    if (error.status >= 500 && error.status !== 501 && error.status !== 503)
      exchange.log.error(
        { status: error.status, error: thrown instanceof Error ? thrown.stack : thrown },
        error.message,
      );
    else exchange.log.info({ status: error.status }, error.message);
    exchange.fail(error);
  }
}

function ignore(): void {}
