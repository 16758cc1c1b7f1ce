import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GuestConnection, type LinkKeys, makeLinkKeys } from "../../src/portlayer/interaction/index.ts";
import type { Event, Request } from "../../src/protocol/control-messages.ts";
import { TetherError } from "../../src/protocol/errors/index.ts";
import type { Exit, Session } from "../../src/session/index.ts";
import type { ReplyBody } from "../../src/tether/control-channel.ts";
import { EventLog } from "../../src/tether/event-log.ts";
import { type ServedAgent, SshServer } from "../../src/tether/ssh-server.ts";

/** A whole container behind the server, in place of a single session. */
export interface ServedContainer
  extends Pick<ServedAgent, "control" | "sessions" | "services" | "statistics"> {
  readonly events: EventLog;
}

/** Linux has no higher one; the agent itself refuses it. */
const MAX_SIGNAL = 64;

/** A guest's SSH server behind a socket in a folder, and what it was asked. */
export class ServedGuest implements AsyncDisposable {
  readonly keys: LinkKeys = makeLinkKeys();
  readonly events: EventLog;
  /** What the control channel asked of the agent, in order. */
  readonly asked: string[] = [];
  /** How many clients the main process's output was held for, after each change. */
  readonly holderCounts: number[] = [];
  /** The guest's ends of the links, in order. */
  readonly links: Socket[] = [];
  /** Happens while the guest is told the time, before it is asked anything. */
  onClock: () => void = () => {};
  readonly folder: string = mkdtempSync(join(tmpdir(), "tether-guest-"));
  readonly #server: Server;
  readonly #clients: Array<{ close(): void }> = [];
  readonly #sockets: Socket[] = [];

  /** @param served a session, or a whole container; undefined: the container could not be made. */
  constructor(served: Session | ServedContainer | undefined) {
    const container = served !== undefined && "control" in served ? served : undefined;
    const session = served !== undefined && "control" in served ? undefined : served;
    this.events = container?.events ?? new EventLog();
    const ssh = new SshServer(
      { hostKey: this.keys.hostPrivateKey, clientPublicKey: this.keys.clientPublicKey },
      {
        control: container?.control ?? {
          carryOut: (request) => this.#carryOut(request, session),
          subscribe: (listener) => this.events.subscribe(listener),
        },
        sessions:
          container?.sessions ?? (session === undefined ? undefined : { entries: [{ id: "", session }] }),
        services: container?.services,
        statistics: container?.statistics,
        holders: { add: () => this.#addHolder() },
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

  /** The session has ended so: what the agent would tell. */
  exited(exit: Exit | undefined): void {
    if (exit !== undefined) this.events.record({ exited: { ...exit } }, "");
  }

  #addHolder(): () => void {
    const count = (change: number): void =>
      void this.holderCounts.push((this.holderCounts.at(-1) ?? 0) + change);
    count(1);
    let isThere = true;
    return () => {
      if (isThere) count(-1);
      isThere = false;
    };
  }

  #carryOut(request: Request, session: Session | undefined): ReplyBody {
    const { signalSession, setClock } = request;
    if (request.getSnapshot) {
      const inputBytes = session?.input.acceptedBytes ?? 0;
      const stages = [{ name: "agent started", atMs: 5 }];
      return { snapshot: { agentVersion: "test", events: this.events.after(0), stages, inputBytes } };
    }
    if (signalSession) {
      if ((signalSession.signal ?? 0) > MAX_SIGNAL)
        throw new TetherError("invalid-option", `invalid signal: ${signalSession.signal}`);
      this.asked.push(`signal ${signalSession.signal ?? 0} ${signalSession.group ?? false}`);
      session?.signal(signalSession.signal ?? 0, signalSession.group ?? false);
    } else if (request.acknowledgeExit) this.asked.push("acknowledge");
    else if (request.powerOff) this.asked.push("power off");
    else if (setClock) {
      this.asked.push("clock");
      this.onClock();
    } else throw new TetherError("link-protocol", "the agent does not know this request");
    return {};
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
