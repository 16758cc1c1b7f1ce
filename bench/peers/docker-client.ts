import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import { json, text } from "node:stream/consumers";
import { z } from "zod";

const API = "/v1.41";

const createdSchema = z.looseObject({ Id: z.string() });
const inspectedSchema = z.looseObject({ ExitCode: z.number() });

/** What a client of Docker's API does, on a warm connection to its daemon. */
export class DockerClient implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /**
   * Executes a process in a container to its end: creates the exec, starts it and reads its output until the end,
   * and asks for its status.
   *
   * @throws Error unless it ended with 0.
   */
  async exec(containerId: string, args: readonly string[]): Promise<void> {
    const body = { AttachStdout: true, AttachStderr: true, Cmd: args };
    const created = await this.#call("POST", `/containers/${containerId}/exec`, body);
    const { Id: id } = createdSchema.parse(created);
    await this.#start(id);
    const { ExitCode: code } = inspectedSchema.parse(await this.#call("GET", `/exec/${id}/json`));
    if (code !== 0) throw new Error(`docker: ${args.join(" ")} ended with ${code}`);
  }

  /**
   * Asks for something, and reads the whole answer.
   *
   * @throws Error when it is refused.
   */
  async get(path: string): Promise<string> {
    return text(await this.#answer("GET", path));
  }

  close(): void {
    this.#agent.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #call(method: string, path: string, body?: object): Promise<unknown> {
    return json(await this.#answer(method, path, body));
  }

  async #answer(method: string, path: string, body?: object): Promise<IncomingMessage> {
    const outgoing = request({ ...this.#options(method, path), agent: this.#agent });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    if ((response.statusCode ?? 500) >= 300) throw new Error(`docker: ${path}: ${await text(response)}`);
    return response;
  }

  /** The stream takes its connection over, so each exec has one of its own. */
  async #start(id: string): Promise<void> {
    const options = this.#options("POST", `/exec/${id}/start`);
    const headers = { ...options.headers, connection: "Upgrade", upgrade: "tcp" };
    const outgoing = request({ ...options, headers });
    outgoing.end(JSON.stringify({ Detach: false, Tty: false }));
    const [, socket] = (await once(outgoing, "upgrade")) as [IncomingMessage, Socket];
    socket.resume();
    await once(socket, "end");
    socket.destroy();
  }

  #options(method: string, path: string) {
    return {
      socketPath: this.#socketPath,
      method,
      path: API + path,
      headers: { host: "docker", "content-type": "application/json" },
    };
  }
}
