import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { ApiError } from "./api-error.ts";
import type { ApiVersion } from "./api-version.ts";
import type { Log } from "./log.ts";
import { Query } from "./query.ts";
import { readBody } from "./request-body.ts";

/** What an exchange is made of. */
export interface ExchangeParts {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly version: ApiVersion;
  /** Behind the path's `?`. */
  readonly queryText: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Of the endpoint. */
  readonly log: Log;
  /** Of every answer. */
  readonly commonHeaders: Headers;
  /** For a request with `Upgrade`: the connection, and what has been read of it behind the request's head. */
  readonly upgrade: { readonly socket: Duplex; readonly head: Buffer } | undefined;
  /** Aborted when the endpoint closes. */
  readonly closing: AbortSignal;
}

/** Headers of every answer. */
export type Headers = Readonly<Record<string, string>>;

/** One request and its answer. What only some of the routes need is made when they ask: it would take half of a ping's time. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly version: ApiVersion;
  readonly upgrade: ExchangeParts["upgrade"];
  readonly commonHeaders: Headers;
  readonly #parts: ExchangeParts;
  #query: Query | undefined;
  #log: Log | undefined;
  #id: string | undefined;
  #signal: AbortSignal | undefined;

  constructor(parts: ExchangeParts) {
    this.request = parts.request;
    this.response = parts.response;
    this.version = parts.version;
    this.upgrade = parts.upgrade;
    this.commonHeaders = parts.commonHeaders;
    this.#parts = parts;
  }

  get query(): Query {
    this.#query ??= new Query(this.#parts.queryText);
    return this.#query;
  }

  /** What tells this request's lines in the log from others'. */
  get logFields(): object {
    this.#id ??= randomUUID();
    return { request: this.#id, method: this.request.method, path: this.request.url?.split("?")[0] };
  }

  /** Each line says which request it is about. */
  get log(): Log {
    this.#log ??= this.#parts.log.child(this.logFields);
    return this.#log;
  }

  /** Aborted when the client has gone, or the endpoint closes. */
  get signal(): AbortSignal {
    this.#signal ??= AbortSignal.any([goneSignal(this.response), this.#parts.closing]);
    return this.#signal;
  }

  /** What stands in a place of the route's path. */
  parameter(name: string): string {
    const value = this.#parts.parameters[name];
    if (value === undefined) throw new Error(`the route has no place ${name}`);
    return value;
  }

  /**
   * The request's JSON document. What stands behind it on a connection that is to be upgraded is put back.
   *
   * @throws ApiError 400, 413.
   */
  async body(): Promise<Readonly<Record<string, unknown>>> {
    const bytes = await readBody(this.request, this.upgrade);
    if (bytes.length === 0) return {};
    let value: unknown;
    try {
      value = JSON.parse(bytes.toString("utf8"));
    } catch (error) {
      throw new ApiError(400, `invalid JSON: ${error instanceof Error ? error.message : ""}`);
    }
    if (value === null) return {};
    if (typeof value !== "object" || Array.isArray(value)) throw new ApiError(400, "invalid JSON: no object");
    return value as Readonly<Record<string, unknown>>;
  }

  /** An answer of one JSON document; ends with a newline, as Go writes it. */
  json(status: number, value: unknown, headers: Headers = {}): void {
    const text = `${JSON.stringify(value)}\n`;
    const length = Buffer.byteLength(text);
    // As a text it goes out with the head, in one piece.
    this.writeHead(status, { "Content-Type": "application/json", "Content-Length": length, ...headers }).end(
      text,
    );
  }

  /** An answer without a body. */
  empty(status: number, headers: Headers = {}): void {
    const length = status === 204 || status === 304 ? {} : { "Content-Length": 0 };
    this.writeHead(status, { ...length, ...headers }).end();
  }

  /** Begins an answer whose body comes bit by bit; its head goes out at once. */
  begin(status: number, headers: Headers = {}): ServerResponse {
    this.writeHead(status, headers).flushHeaders();
    return this.response;
  }

  /** Begins an answer; its head goes out with the first of its body. */
  writeHead(status: number, headers: Readonly<Record<string, string | number>>): ServerResponse {
    return this.response.writeHead(status, { ...this.commonHeaders, ...headers });
  }

  /** Refuses whoever sends a body with a route that has none to read, and its parameters of a kind. */
  fail({ status, message }: ApiError): void {
    if (this.response.headersSent) {
      this.response.destroy();
      return;
    }
    this.json(status, { message });
  }
}

/** Aborted when a response's client has gone; also behind the answer's end. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const leave = (): void => gone.abort(new Error("the client has gone"));
  response.once("close", leave);
  // A client that leaves in the middle of an answer.
  response.once("error", leave);
  if (response.destroyed) leave();
  return gone.signal;
}
