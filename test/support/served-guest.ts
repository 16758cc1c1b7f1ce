import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GuestConnection, type LinkKeys, makeLinkKeys } from "../../src/portlayer/interaction/index.ts";
import type { Event } from "../../src/protocol/control-messages.ts";
import type { Exit, Session } from "../../src/session/index.ts";
import { EventLog } from "../../src/tether/event-log.ts";
import { SshServer } from "../../src/tether/ssh-server.ts";

/** A guest's SSH server behind a socket in a folder, and what it was asked. */
export class ServedGuest implements AsyncDisposable {
  readonly keys: LinkKeys = makeLinkKeys();
  readonly events = new EventLog();
  /** What the control channel asked of the agent, in order. */
  readonly asked: string[] = [];
  /** How many authenticated endpoints there were, after each change. */
  readonly connectionCounts: number[] = [];
  /** The guest's ends of the links, in order. */
  readonly links: Socket[] = [];
  readonly folder: string = mkdtempSync(join(tmpdir(), "tether-guest-"));
  readonly #server: Server;
  readonly #clients: Array<{ close(): void }> = [];
  readonly #sockets: Socket[] = [];
  readonly #exit = Promise.withResolvers<Exit | undefined>();

  /** @param session undefined: the container could not be made. */
  constructor(session: Session | undefined) {
    const ssh = new SshServer(
      { hostKey: this.keys.hostPrivateKey, clientPublicKey: this.keys.clientPublicKey },
      {
        control: {
          snapshot: () => ({
            agentVersion: "test",
            events: [...this.events.events],
            stages: [{ name: "agent started", atMs: 5 }],
            inputBytes: session?.input.acceptedBytes ?? 0,
          }),
          signal: (signal, toGroup) => {
            this.asked.push(`signal ${signal} ${toGroup}`);
            session?.signal(signal, toGroup);
          },
          acknowledgeExit: () => void this.asked.push("acknowledge"),
          powerOff: () => void this.asked.push("power off"),
          setClock: (milliseconds) => void this.asked.push(`clock ${milliseconds}`),
          subscribe: (listener) => this.events.subscribe(listener),
        },
        session,
        exit: this.#exit.promise,
        connectionsChanged: (count) => void this.connectionCounts.push(count),
      },
    );
    this.#server = createServer((socket) => {
      this.links.push(socket);
      ssh.accept(socket);
    });
    this.#server.listen(this.path);
  }

  get path(): string {
    return join(this.folder, "link.sock");
  }

  /** The session has ended so. */
  exited(exit: Exit | undefined): void {
    if (exit !== undefined) this.events.exited(exit);
    this.#exit.resolve(exit);
  }

  async connect(): Promise<Socket> {
    const socket = createConnection(this.path);
    this.#sockets.push(socket);
    await once(socket, "connect");
    return socket;
  }

  async open(
    onEvent: (event: Event) => void = () => {},
    keys: LinkKeys = this.keys,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<GuestConnection> {
    const connection = await GuestConnection.open(await this.connect(), keys, onEvent, signal);
    this.#clients.push(connection);
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    for (const socket of [...this.#sockets, ...this.links]) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
