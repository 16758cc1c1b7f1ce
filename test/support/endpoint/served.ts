import { type OutgoingHttpHeaders, request as sendRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { Endpoint } from "../../../src/endpoint/index.ts";
import type { StartKind } from "../../../src/portlayer/execution/index.ts";
import type { ImageStore } from "../../../src/portlayer/storage/index.ts";
import { useTemporaryFolder } from "../temporary-folder.ts";
import { FakeContainers } from "./fake-containers.ts";

/** An answer of the endpoint. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly bytes: Buffer;
  readonly json: unknown;
}

/** A log for nobody. */
export const NO_LOG = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => NO_LOG,
};

/** An endpoint over fake containers, anew for each test of the surrounding `describe`. */
export class Served {
  #containers: FakeContainers | undefined;
  #endpoint: Endpoint | undefined;
  #socket = "";

  /**
   * @param images in the place of the one that the containers have.
   * @param start how the containers that it makes start.
   */
  async open(folder: string, images?: ImageStore, start?: StartKind): Promise<void> {
    this.#socket = join(folder, "vch.sock");
    this.#containers = new FakeContainers(folder);
    this.#containers.images = images;
    this.#endpoint = await Endpoint.open(
      {
        ...{ execution: this.#containers.execution, root: folder, version: "1.2.3", log: NO_LOG },
        ...(start && { start }),
      },
      [
        { kind: "unix", path: this.#socket },
        { kind: "tcp", host: "127.0.0.1", port: 0 },
      ],
    );
  }

  /** `127.0.0.1:PORT`, for clients that know no Unix sockets. */
  get internet(): string {
    return this.#endpoint?.addresses[1]?.replace("tcp://", "") ?? "";
  }

  async close(): Promise<void> {
    await this.#endpoint?.[Symbol.asyncDispose]();
  }

  get socket(): string {
    return this.#socket;
  }

  get containers(): FakeContainers {
    if (this.#containers === undefined) throw new Error("it serves while a test runs");
    return this.#containers;
  }

  /** One request and its whole answer. @param body JSON, or what it is when it is text or bytes. */
  ask(method: string, path: string, body?: unknown, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
    const isRaw = body === undefined || typeof body === "string" || Buffer.isBuffer(body);
    const content = isRaw ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const options = { socketPath: this.#socket, method, path, headers, agent: false };
      const request = sendRequest(options, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const bytes = Buffer.concat(chunks);
          const said = bytes.toString("utf8");
          const isJson = response.headers["content-type"] === "application/json";
          const { statusCode: status = 0 } = response;
          resolve({
            status,
            headers: response.headers,
            text: said,
            bytes,
            json: isJson && said !== "" ? parseJson(said) : undefined,
          });
        });
      });
      request.on("error", reject);
      request.end(content);
    });
  }

  /**
   * A connection that asks to be taken over, as Docker's client does.
   *
   * @param behind what comes at once behind the request.
   */
  async upgrade(path: string, body = "", behind = ""): Promise<Hijacked> {
    const socket = connect({ path: this.#socket, allowHalfOpen: true });
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
    socket.write(head + body + behind);
    return new Hijacked(socket);
  }
}

/** One document, or a list of those that came one after the other. */
function parseJson(text: string): unknown {
  const lines = text.trimEnd().split("\n");
  return lines.length === 1 ? JSON.parse(text) : lines.map((line) => JSON.parse(line) as unknown);
}

/** The client's side of a connection that was taken over. */
export class Hijacked {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  readonly #ended: Promise<void>;
  #changed = (): void => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#changed();
    });
    this.#ended = new Promise((resolve) => socket.once("end", resolve));
  }

  /** The answer's head, once it is there. */
  async head(): Promise<string> {
    for (;;) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      if (end >= 0) return this.#bytes.toString("latin1", 0, end);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  /** Once this text has come. */
  async until(text: string): Promise<void> {
    while (!this.#bytes.includes(text))
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
  }

  /** Everything behind the head, once the endpoint has closed its side. */
  async rest(): Promise<Buffer> {
    await this.#ended;
    this.socket.destroy();
    return this.#bytes.subarray(this.#bytes.indexOf("\r\n\r\n") + 4);
  }
}

/** An endpoint for each test of the surrounding `describe`. */
export function useServed(start?: StartKind): Served {
  const served = new Served();
  // Before its folder goes.
  afterEach(() => served.close());
  const folder = useTemporaryFolder();
  beforeEach(() => served.open(folder.path, undefined, start));
  return served;
}
