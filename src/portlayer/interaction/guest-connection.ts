import { once } from "node:events";
import type { Socket } from "node:net";
import ssh2, { Client, type ClientChannel, type PseudoTtyOptions } from "ssh2";
import { batchWrites } from "../../protocol/batch-writes.ts";
import {
  decodeMessage,
  encodeRequest,
  type Event,
  type Message,
  type Reply,
  type Request,
  type Snapshot,
} from "../../protocol/control-messages.ts";
import { isErrorCode, TetherError } from "../../protocol/errors/index.ts";
import { DelimitedDecoder } from "../../protocol/length-delimited.ts";
import { CONTROL_SUBSYSTEM, ENDPOINT_USER } from "../../protocol/link-names.ts";
import { SSH_ALGORITHMS } from "../../protocol/ssh-algorithms.ts";
import type { LinkAccess } from "./link-keys.ts";
import { skipToBanner } from "./skip-to-banner.ts";

/** One SSH connection to a guest, with its control channel open. */
export class GuestConnection {
  readonly #client: Client;
  readonly #control: ClientChannel;
  readonly #replies = new Map<number, PromiseWithResolvers<Reply>>();
  readonly #closed = Promise.withResolvers<void>();
  #onEvent: (event: Event) => void;
  #lastRequest = 0;
  #isClosed = false;

  private constructor(client: Client, control: ClientChannel, onEvent: (event: Event) => void) {
    this.#client = client;
    this.#control = control;
    this.#onEvent = onEvent;
    const decoder = new DelimitedDecoder();
    control.on("data", (chunk: Buffer) => this.#read(decoder, chunk));
    client.once("close", () => this.#close());
  }

  /**
   * Shakes hands on a fresh link: both sides prove who they are.
   *
   * @param signal ends the attempt.
   * @throws Error when the link breaks meanwhile; TetherError `link-protocol` for another guest's key.
   */
  static async open(
    socket: Socket,
    keys: LinkAccess,
    onEvent: (event: Event) => void,
    signal: AbortSignal,
  ): Promise<GuestConnection> {
    const client = new Client();
    // Every error is followed by the end of the connection, which is what counts.
    client.on("error", () => client.destroy());
    const stop = (): void => void socket.destroy();
    signal.addEventListener("abort", stop);
    try {
      await handshake(client, socket, keys, signal);
      const control = await openChannel((done) => client.subsys(CONTROL_SUBSYSTEM, done));
      return new GuestConnection(client, control, onEvent);
    } catch (error) {
      client.destroy();
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Resolves when the connection is gone, for whatever reason. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** From now on the guest's events are told somebody else. */
  handOver(onEvent: (event: Event) => void): void {
    this.#onEvent = onEvent;
  }

  /** @throws TetherError the guest's error; `guest-lost` when the connection ends first. */
  async request(body: Omit<Request, "id">): Promise<Reply> {
    if (this.#isClosed) throw linkBroke();
    const id = ++this.#lastRequest;
    const answer = Promise.withResolvers<Reply>();
    this.#replies.set(id, answer);
    this.#control.write(encodeRequest({ ...body, id }));
    const reply = await answer.promise;
    if (reply.error) {
      const code = reply.error.code ?? "";
      throw new TetherError(isErrorCode(code) ? code : "internal", reply.error.message ?? "");
    }
    return reply;
  }

  /** The guest's state; its later events follow. */
  async snapshot(): Promise<Snapshot> {
    return (await this.request({ getSnapshot: {} })).snapshot ?? {};
  }

  /** Runs a command of the guest's server on a channel of its own. */
  execute(command: string, pty: PseudoTtyOptions | undefined): Promise<ClientChannel> {
    return openChannel((done) =>
      pty === undefined ? this.#client.exec(command, done) : this.#client.exec(command, { pty }, done),
    );
  }

  /** Opens a subsystem of the guest's server on a channel of its own. */
  openSubsystem(name: string): Promise<ClientChannel> {
    return openChannel((done) => this.#client.subsys(name, done));
  }

  /** Ends the connection at once. */
  close(): void {
    this.#client.destroy();
  }

  #read(decoder: DelimitedDecoder, chunk: Buffer): void {
    try {
      for (const bytes of decoder.push(chunk)) this.#dispatch(decodeMessage(bytes));
    } catch {
      // A guest that sends garbage is not spoken with any more.
      this.close();
    }
  }

  #dispatch(message: Message): void {
    if (message.event) this.#onEvent(message.event);
    const id = message.reply?.id ?? 0;
    if (message.reply) this.#replies.get(id)?.resolve(message.reply);
    this.#replies.delete(id);
  }

  #close(): void {
    this.#isClosed = true;
    for (const answer of this.#replies.values()) answer.reject(linkBroke());
    this.#replies.clear();
    this.#closed.resolve();
  }
}

function linkBroke(): TetherError {
  return new TetherError("guest-lost", "the link to the container VM broke");
}

async function handshake(
  client: Client,
  socket: Socket,
  keys: LinkAccess,
  signal: AbortSignal,
): Promise<void> {
  const expected = publicKeyBytes(keys.hostPublicKey);
  let isOtherKey = false;
  // A link that was cut still holds what the guest had sent to the peer before us.
  const fresh = batchWrites(skipToBanner(socket));
  client.connect({
    sock: fresh,
    username: ENDPOINT_USER,
    privateKey: keys.clientPrivateKey,
    algorithms: SSH_ALGORITHMS,
    // The machine takes its time to boot; the caller's signal is the limit.
    readyTimeout: 0,
    hostVerifier: (key: Buffer) => {
      isOtherKey = !key.equals(expected);
      return !isOtherKey;
    },
  });
  const isReady = once(client, "ready", { signal });
  const ended = once(client, "close").then(() => {
    throw new Error("the link broke");
  });
  try {
    await Promise.race([isReady, ended]);
  } catch (error) {
    isReady.catch(() => {});
    if (isOtherKey)
      throw new TetherError("link-protocol", "the guest's host key is not the one that was made for it");
    throw error;
  } finally {
    ended.catch(() => {});
  }
}

function publicKeyBytes(text: string): Buffer {
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) throw TetherError.from(key, "internal", "the link's host key");
  return key.getPublicSSH();
}

function openChannel(
  start: (done: (error: Error | undefined, channel: ClientChannel) => void) => void,
): Promise<ClientChannel> {
  return new Promise((resolve, reject) =>
    start((error, channel) => (error === undefined ? resolve(channel) : reject(error))),
  );
}
