import type { Socket } from "node:net";
import type { AuthContext, Connection, PublicKeyAuthContext, Server as Ssh2Server } from "ssh2";
import keyParser from "ssh2/lib/protocol/keyParser.js";
import Server from "ssh2/lib/server.js";
import { batchWrites } from "../protocol/batch-writes.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { ENDPOINT_USER } from "../protocol/link-names.ts";
import { SSH_ALGORITHMS } from "../protocol/ssh-algorithms.ts";
import type { SessionEntry } from "../session/index.ts";
import type { ControlTarget } from "./control-channel.ts";
import { serveEndpointSession } from "./endpoint-session.ts";
import { serveUser } from "./user-connection.ts";
import type { AgentStatistics } from "./statistics/agent-statistics.ts";
import type { UserServices } from "./user-services.ts";

/** What the server serves. */
export interface ServedAgent {
  readonly control: ControlTarget;
  /** Undefined while the container has none: its file system could not be made. */
  readonly sessions: { readonly entries: ReadonlyArray<Pick<SessionEntry, "id" | "session">> } | undefined;
  /** For the container's own users: shells, commands, files, forwarded connections. Undefined without a container. */
  readonly services: UserServices | undefined;
  readonly statistics?: AgentStatistics | undefined;
  /** Counts the clients that the main process's output is held for. */
  readonly holders: { add(): () => void };
}

/** The guest's half of the link's keys. */
export interface LinkKeys {
  readonly hostKey: string;
  readonly clientPublicKey: string;
}

/** How long a peer may take to authenticate; a connection that never does must not occupy the link. */
const HANDSHAKE_LIMIT_MS = 30_000;

/** What ends with a connection; what has ended before takes itself out. */
export type Detachments = Set<() => void>;

/**
 * The agent's SSH server (RFC 4251 to 4254) over sockets that the link hands to it. The user `tether` is the endpoint,
 * with the control channel and attachments; any other name is a user of the container.
 */
export class SshServer {
  readonly #server: Ssh2Server;
  readonly #agent: ServedAgent;
  readonly #clientKey: { readonly type: string; getPublicSSH(): Buffer; verify: VerifySignature };

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
    this.#server.injectSocket(batchWrites(socket));
  }

  #serve(connection: Connection): void {
    const detachments: Detachments = new Set();
    const limit = setTimeout(() => connection.end(), HANDSHAKE_LIMIT_MS);
    let user = "";
    // A peer that breaks the protocol or vanishes ends its own connection; nobody else is concerned.
    connection.on("error", () => connection.end());
    connection.on("authentication", (context) => {
      // First: `ready` comes from within the acceptance.
      user = context.username;
      this.#authenticate(context);
    });
    connection.once("ready", () => {
      clearTimeout(limit);
      if (user === ENDPOINT_USER) this.#serveEndpoint(connection, detachments);
      else this.#serveUser(connection, user, detachments);
    });
    connection.once("close", () => {
      clearTimeout(limit);
      detachments.forEach((detach) => detach());
    });
  }

  #serveEndpoint(connection: Connection, detachments: Detachments): void {
    connection.on("session", (accept) => serveEndpointSession(accept(), this.#agent, detachments));
  }

  #serveUser(connection: Connection, user: string, detachments: Detachments): void {
    const { services } = this.#agent;
    if (services === undefined) connection.end();
    else serveUser(connection, user, services, detachments);
  }

  #authenticate(context: AuthContext): void {
    if (context.method === "publickey" && this.#isClientKey(context)) context.accept();
    else context.reject(["publickey"]);
  }

  /** Without a signature the client only asks whether the key would do (RFC 4252 section 7). */
  #isClientKey(context: PublicKeyAuthContext): boolean {
    const { key, signature, blob, hashAlgo } = context;
    if (key.algo !== this.#clientKey.type || !key.data.equals(this.#clientKey.getPublicSSH())) return false;
    if (signature === undefined) return true;
    return blob !== undefined && this.#clientKey.verify(blob, signature, hashAlgo) === true;
  }
}

type VerifySignature = (data: Buffer, signature: Buffer, algorithm?: string) => boolean | Error;
