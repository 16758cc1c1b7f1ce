import type { Socket } from "node:net";
import type { Connection, ServerChannel, Session as SshSession } from "ssh2";
import { TetherError } from "../protocol/errors/index.ts";
import { parseSignal } from "../protocol/signals.ts";
import type { Session } from "../session/index.ts";
import { attachChannel } from "./attach-channel.ts";
import type { Detachments } from "./ssh-server.ts";
import type { UserCommand, UserServices } from "./user-services.ts";

/** What sshd(8) accepts by default on Debian (AcceptEnv). */
const ACCEPTED_ENVIRONMENT = /^(?:LANG|LC_\w+|COLORTERM|NO_COLOR)$/;

const MOST_ENVIRONMENT = 64;
const EXIT_REFUSED = 255;

/**
 * Serves a user of the container on a connection of his own, as sshd(8) would: shells and commands, with or without
 * a terminal (RFC 4254 section 6), SFTP, and connections forwarded to the container's network and sockets.
 */
export function serveUser(
  connection: Connection,
  user: string,
  services: UserServices,
  detachments: Detachments,
): void {
  connection.on("session", (accept) => new UserSession(accept(), user, services, detachments));
  connection.on("tcpip", (accept, reject, { destIP, destPort }) => {
    forward(() => services.connect(destIP, destPort), accept, reject);
  });
  // ssh2's types say otherwise: the listener is given the same arguments as that of "tcpip".
  connection.on("openssh.streamlocal" as "tcpip", (accept, reject, info) => {
    const { socketPath } = info as unknown as { readonly socketPath: string };
    forward(() => services.connectUnix(socketPath), accept, reject);
  });
}

/** One `session` channel. */
class UserSession {
  readonly #services: UserServices;
  readonly #user: string;
  readonly #detachments: Detachments;
  readonly #environment: string[] = [];
  #terminal: UserCommand["terminal"];
  #session: Session | undefined;

  constructor(ssh: SshSession, user: string, services: UserServices, detachments: Detachments) {
    this.#services = services;
    this.#user = user;
    this.#detachments = detachments;
    ssh.on("env", (accept, reject, { key, val }) => {
      if (this.#acceptVariable(key, val)) accept?.();
      else reject?.();
    });
    ssh.on("pty", (accept, _reject, info) => {
      // ssh2's types lack the terminal's type.
      const { term } = info as unknown as { readonly term?: string };
      this.#terminal = { type: cleanTerm(term), window: { columns: info.cols, rows: info.rows } };
      accept?.();
    });
    ssh.on("window-change", (accept, _reject, info) => {
      this.#session?.resize({ columns: info.cols, rows: info.rows });
      accept?.();
    });
    ssh.on("signal", (accept, reject, { name }) => {
      if (this.#signal(name)) accept?.();
      else reject?.();
    });
    ssh.on("shell", (accept) => this.#run(accept(), undefined));
    ssh.on("exec", (accept, _reject, { command }) => this.#run(accept(), command));
    ssh.on("subsystem", (accept, reject, { name }) => {
      if (name === "sftp") void this.#serveSftp(accept());
      else reject();
    });
  }

  #acceptVariable(key: string, value: string): boolean {
    const isAccepted =
      ACCEPTED_ENVIRONMENT.test(key) && !value.includes("\0") && this.#environment.length < MOST_ENVIRONMENT;
    if (isAccepted) this.#environment.push(`${key}=${value}`);
    return isAccepted;
  }

  #signal(name: string): boolean {
    try {
      this.#session?.signal(parseSignal(name), true);
      return this.#session !== undefined;
    } catch {
      // RFC 4254 section 6.9: what is no signal here, or has nobody to go to, is ignored.
      return false;
    }
  }

  #run(channel: ServerChannel, command: string | undefined): void {
    const request = { user: this.#user, command, environment: this.#environment, terminal: this.#terminal };
    try {
      const session = this.#services.start(request);
      this.#session = session;
      this.#detachments.push(attachChannel(channel, session, { output: 0, errorOutput: 0, kind: "hold" }));
    } catch (error) {
      const { message } = TetherError.from(error, "internal", "the command could not be started");
      channel.stderr.write(`${message}\n`);
      channel.exit(EXIT_REFUSED);
      channel.end();
    }
  }

  async #serveSftp(channel: ServerChannel): Promise<void> {
    const { serveSftp } = await import("./sftp-server.ts");
    await serveSftp(channel, this.#services.files());
  }
}

/** Joins a forwarded channel (RFC 4254 section 7.2) with a connection that is made for it. */
function forward(connect: () => Socket, accept: () => ServerChannel, reject: () => void): void {
  let socket: Socket;
  try {
    socket = connect();
  } catch {
    // No such socket: the client is told that the connection failed.
    reject();
    return;
  }
  socket.once("error", reject);
  socket.once("connect", () => {
    socket.off("error", reject);
    const channel = accept();
    const end = (): void => {
      socket.destroy();
      channel.close();
    };
    socket.on("error", end);
    channel.on("error", end);
    channel.once("close", () => socket.destroy());
    channel.pipe(socket);
    socket.pipe(channel);
  });
}

/** terminfo(5) names: anything else would only do harm in an environment. */
function cleanTerm(name: string | undefined): string {
  return name !== undefined && /^[\w.+-]{1,64}$/.test(name) ? name : "xterm";
}
