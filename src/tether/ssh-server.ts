import type { Socket } from "node:net";
import type {
  AuthContext,
  Connection,
  PublicKeyAuthContext,
  Server as Ssh2Server,
  Session as SshSession,
} from "ssh2";
import keyParser from "ssh2/lib/protocol/keyParser.js";
import Server from "ssh2/lib/server.js";
import { TetherError } from "../protocol/errors/index.ts";
import { ATTACH_COMMAND, CONTROL_SUBSYSTEM, ENDPOINT_USER } from "../protocol/link-names.ts";
import { SSH_ALGORITHMS } from "../protocol/ssh-algorithms.ts";
import type { Exit, Session } from "../session/index.ts";
import { type AttachOffsets, attachChannel } from "./attach-channel.ts";
import { type ControlTarget, serveControl } from "./control-channel.ts";

/** What the server serves. */
export interface ServedAgent {
  readonly control: ControlTarget;
  /** Undefined while the container has none: its file system could not be made. */
  readonly session: Session | undefined;
  readonly exit: Promise<Exit | undefined>;
  /** An authenticated endpoint came or went. */
  connectionsChanged(count: number): void;
}

/** The guest's half of the link's keys. */
export interface LinkKeys {
  readonly hostKey: string;
  readonly clientPublicKey: string;
}

/** How long a peer may take to authenticate; a connection that never does must not occupy the link. */
const HANDSHAKE_LIMIT_MS = 30_000;

/** The agent's SSH server (RFC 4251 to 4254) over sockets that the link hands to it. */
export class SshServer {
  readonly #server: Ssh2Server;
  readonly #agent: ServedAgent;
  readonly #clientKey: { readonly type: string; getPublicSSH(): Buffer; verify: VerifySignature };
  #connections = 0;

  /** @throws TetherError `guest-initialisation` for a key that is none. */
  constructor(keys: LinkKeys, agent: ServedAgent) {
    const clientKey = keyParser.parseKey(keys.clientPublicKey);
    if (clientKey instanceof Error)
      throw TetherError.from(clientKey, "guest-initialisation", "the client's public key");
    this.#clientKey = clientKey;
    this.#agent = agent;
    this.#server = new Server({ hostKeys: [keys.hostKey], algorithms: SSH_ALGORITHMS }, (connection) =>
      this.#serve(connection),
    );
  }

  /** Takes a connection of the link. */
  accept(socket: Socket): void {
    this.#server.injectSocket(socket);
  }

  #serve(connection: Connection): void {
    const detachments: Array<() => void> = [];
    const limit = setTimeout(() => connection.end(), HANDSHAKE_LIMIT_MS);
    // A peer that breaks the protocol or vanishes ends its own connection; nobody else is concerned.
    connection.on("error", () => connection.end());
    connection.on("authentication", (context) => this.#authenticate(context));
    connection.once("ready", () => {
      clearTimeout(limit);
      this.#agent.connectionsChanged(++this.#connections);
      connection.once("close", () => this.#agent.connectionsChanged(--this.#connections));
      connection.on("session", (accept) => this.#serveSession(accept(), detachments));
    });
    connection.once("close", () => {
      clearTimeout(limit);
      detachments.forEach((detach) => detach());
    });
  }

  #authenticate(context: AuthContext): void {
    if (context.method === "publickey" && context.username === ENDPOINT_USER && this.#isClientKey(context))
      context.accept();
    else context.reject(["publickey"]);
  }

  /** Without a signature the client only asks whether the key would do (RFC 4252 section 7). */
  #isClientKey(context: PublicKeyAuthContext): boolean {
    const { key, signature, blob, hashAlgo } = context;
    if (key.algo !== this.#clientKey.type || !key.data.equals(this.#clientKey.getPublicSSH())) return false;
    if (signature === undefined) return true;
    return blob !== undefined && this.#clientKey.verify(blob, signature, hashAlgo) === true;
  }

  #serveSession(ssh: SshSession, detachments: Array<() => void>): void {
    const { session, control, exit } = this.#agent;
    ssh.on("subsystem", (accept, reject, info) => {
      if (info.name === CONTROL_SUBSYSTEM) serveControl(accept(), control);
      else reject();
    });
    ssh.on("pty", (accept, _reject, info) => {
      if (session?.isTerminal === true) session.resize({ columns: info.cols, rows: info.rows });
      accept?.();
    });
    ssh.on("window-change", (accept, _reject, info) => {
      session?.resize({ columns: info.cols, rows: info.rows });
      accept?.();
    });
    ssh.on("exec", (accept, reject, info) => {
      const offsets = parseAttach(info.command);
      if (session === undefined || offsets === undefined) reject();
      else detachments.push(attachChannel(accept(), session, offsets, exit));
    });
  }
}

type VerifySignature = (data: Buffer, signature: Buffer, algorithm?: string) => boolean | Error;

/**
 * `attach [OUTPUT-OFFSET ERROR-OFFSET]`: the bytes that the client has had already.
 *
 * @returns undefined for any other command.
 */
export function parseAttach(command: string): AttachOffsets | undefined {
  const match = /^(\w+)(?: (\d{1,15}) (\d{1,15}))?$/.exec(command);
  if (match === null || match[1] !== ATTACH_COMMAND) return undefined;
  return { output: Number(match[2] ?? 0), errorOutput: Number(match[3] ?? 0) };
}
