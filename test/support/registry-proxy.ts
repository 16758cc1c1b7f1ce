import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What becomes of an answer with a blob. */
export interface BlobFault {
  /** So many bytes of it come before that. */
  readonly afterBytes: number;
  /** The connection is cut; or it stays, and nothing comes any more. */
  readonly ending: "cut" | "stall";
}

/** Stands before a registry on the loopback, notes what it gives of each blob, and breaks what a test wants broken. */
export class RegistryProxy implements AsyncDisposable {
  /** By digest: how many bytes it has given. */
  readonly given = new Map<string, number>();
  /** By digest: how often it was asked for. */
  readonly asked = new Map<string, number>();
  /** Asked for each blob; undefined: it comes whole. */
  fault: (digest: string) => BlobFault | undefined = () => undefined;
  readonly #server: Server;
  readonly #registry: string;

  private constructor(registry: string) {
    this.#registry = registry;
    this.#server = createServer((incoming, response) => this.#forward(incoming, response));
  }

  /** @param registry the registry's `HOST:PORT`. */
  static async start(registry: string): Promise<RegistryProxy> {
    const proxy = new RegistryProxy(registry);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** As names of images have it. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** It is well again, and nobody has asked yet. */
  reset(): void {
    this.given.clear();
    this.asked.clear();
    this.fault = () => undefined;
    this.#server.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve).closeAllConnections());
  }

  #forward(incoming: IncomingMessage, response: ServerResponse): void {
    const { method = "GET", url: path = "/", headers } = incoming;
    const [host, port] = this.#registry.split(":");
    const asked = request({ host, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      const digest = /\/blobs\/(sha256:[0-9a-f]+)$/.exec(path)?.[1];
      if (method === "GET" && digest !== undefined) this.#give(digest, answer, response);
      else answer.pipe(response);
    });
    asked.on("error", () => response.destroy());
    incoming.pipe(asked);
  }

  #give(digest: string, answer: IncomingMessage, response: ServerResponse): void {
    const fault = this.fault(digest);
    this.asked.set(digest, (this.asked.get(digest) ?? 0) + 1);
    let left = fault?.afterBytes ?? Infinity;
    const give = (bytes: Buffer): void => {
      const part = bytes.subarray(0, Math.min(left, bytes.length));
      left -= part.length;
      this.given.set(digest, (this.given.get(digest) ?? 0) + part.length);
      if (left > 0) return void response.write(part);
      answer.destroy();
      response.write(part, () => {
        if (fault?.ending === "cut") response.destroy();
      });
    };
    answer.on("data", give).on("end", () => response.end());
  }
}
