import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { ApiError } from "./api-error.ts";
import type { ApiVersion } from "./api-version.ts";
import type { Log } from "./log.ts";
import type { Query } from "./query.ts";
import { readBody } from "./request-body.ts";

/** What an exchange is made of. */
export interface ExchangeParts {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly version: ApiVersion;
  readonly query: Query;
  readonly parameters: Readonly<Record<string, string>>;
  readonly log: Log;
  /** For a request with `Upgrade`: the connection, and what has been read of it behind the request's head. */
  readonly upgrade: { readonly socket: Duplex; readonly head: Buffer } | undefined;
  /** Aborted when the client has gone, or the endpoint closes. */
  readonly signal: AbortSignal;
}

/** Headers of every answer. */
export type Headers = Readonly<Record<string, string>>;

/** One request and its answer. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly version: ApiVersion;
  readonly query: Query;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly upgrade: ExchangeParts["upgrade"];
  readonly #parameters: ExchangeParts["parameters"];

  constructor(parts: ExchangeParts) {
    this.request = parts.request;
    this.response = parts.response;
    this.version = parts.version;
    this.query = parts.query;
    this.log = parts.log;
    this.signal = parts.signal;
    this.upgrade = parts.upgrade;
    this.#parameters = parts.parameters;
  }

  /** What stands in a place of the route's path. */
  parameter(name: string): string {
    const value = this.#parameters[name];
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
    const text = Buffer.from(`${JSON.stringify(value)}\n`);
    this.response
      .writeHead(status, { "Content-Type": "application/json", "Content-Length": text.length, ...headers })
      .end(text);
  }

  /** An answer without a body. */
  empty(status: number, headers: Headers = {}): void {
    const length = status === 204 || status === 304 ? {} : { "Content-Length": 0 };
    this.response.writeHead(status, { ...length, ...headers }).end();
  }

  /** Begins an answer whose body comes bit by bit; its head goes out at once. */
  begin(status: number, headers: Headers = {}): ServerResponse {
    this.response.writeHead(status, headers);
    this.response.flushHeaders();
    return this.response;
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
