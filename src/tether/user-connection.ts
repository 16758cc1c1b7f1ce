import type { Socket } from "node:net";
import type { Connection, PseudoTtyInfo, ServerChannel, Session as SshSession } from "ssh2";
import { TetherError } from "../protocol/errors/index.ts";
import { parseSignal } from "../protocol/signals.ts";
import type { Departure } from "../protocol/streams/index.ts";
import type { Session } from "../session/index.ts";
import type { WindowSize } from "../system/system.ts";
import { attachChannel } from "./attach-channel.ts";
import type { Detachments } from "./ssh-server.ts";
import type { UserCommand, UserServices } from "./user-services.ts";

/** What sshd(8) accepts by default on Debian (AcceptEnv). */
const ACCEPTED_ENVIRONMENT = /^(?:LANG|LC_\w+|COLORTERM|NO_COLOR)$/;

const MOST_ENVIRONMENT = 64;
const EXIT_REFUSED = 255;
const SIGHUP = 1;

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
    forward(() => services.connect(destIP, destPort), accept, reject, detachments);
  });
  // ssh2's types say otherwise: the listener is given the same arguments as that of "tcpip".
  connection.on("openssh.streamlocal" as "tcpip", (accept, reject, info) => {
    const { socketPath } = info as unknown as { readonly socketPath: string };
    forward(() => services.connectUnix(socketPath), accept, reject, detachments);
  });
}

/** One `session` channel. */
class UserSession {
  readonly #ssh: SshSession;
  readonly #services: UserServices;
  readonly #user: string;
  readonly #detachments: Detachments;
  readonly #environment: string[] = [];
  #terminal: UserCommand["terminal"];
  #session: Session | undefined;

  constructor(ssh: SshSession, user: string, services: UserServices, detachments: Detachments) {
    this.#ssh = ssh;
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
      this.#terminal = { type: cleanTerm(term), window: readWindow(info) };
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
    // ssh2 raises its own event "sftp" only for who listens to that; this one has a plain channel.
    ssh.on("subsystem", (accept, reject: (() => void) | undefined, { name }) => {
      if (name === "sftp") void this.#serveSftp(accept());
      else reject?.();
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

  /** @param channel undefined when the channel has a command already (RFC 4254 section 6.5). */
  #run(channel: ServerChannel | undefined, command: string | undefined): void {
    if (channel === undefined) return;
    const request = { user: this.#user, command, environment: this.#environment, terminal: this.#terminal };
    try {
      const session = this.#services.start(request);
      this.#session = session;
      this.#watchEnd(session, attachChannel(this.#ssh, channel, session, FROM_THE_FIRST_BYTE));
    } catch (error) {
      refuse(channel, TetherError.from(error, "internal", "the command could not be started"));
    }
  }

  /** Such a client does not come back: its terminal is hung up, its input ends, and nobody waits for it. */
  #watchEnd(session: Session, detach: (departure: Departure) => void): void {
    const hangUp = (): void => {
      if (!session.isRunning) return;
      if (session.isTerminal) session.signal(SIGHUP, true);
      // A terminal's input is its output too.
      else session.input.end();
    };
    const lose = (): void => {
      detach("left");
      hangUp();
    };
    this.#detachments.add(lose);
    this.#ssh.once("close", () => {
      this.#detachments.delete(lose);
      hangUp();
    });
  }

  async #serveSftp(channel: ServerChannel | undefined): Promise<void> {
    if (channel === undefined) return;
    const { serveSftp } = await import("./sftp-server.ts");
    try {
      await serveSftp(channel, this.#services.files());
    } catch (error) {
      // The container can take away the user that its files are looked up for.
      refuse(channel, TetherError.from(error, "internal", "the files cannot be served"));
    }
  }
}

const FROM_THE_FIRST_BYTE = { output: 0, errorOutput: 0, kind: "hold" } as const;

function refuse(channel: ServerChannel, { message }: TetherError): void {
  channel.stderr.write(`${message}\n`);
  channel.exit(EXIT_REFUSED);
  channel.resume();
  channel.end();
}

/** Joins a forwarded channel (RFC 4254 section 7.2) with a connection that is made for it. */
function forward(
  connect: () => Socket,
  accept: () => ServerChannel,
  reject: () => void,
  detachments: Detachments,
): void {
  let socket: Socket;
  try {
    socket = connect();
  } catch {
    // No such socket or port: the client is told that the connection failed.
    reject();
    return;
  }
  const destroy = (): void => void socket.destroy();
  detachments.add(destroy);
  socket.once("close", () => detachments.delete(destroy));
  socket.once("error", reject);
  socket.once("connect", () => {
    socket.off("error", reject);
    join(accept(), socket);
  });
}

/** Each direction ends for itself; ssh2's `end` would close the channel with the first. */
function join(channel: HalfClosing, socket: Socket): void {
  let hasClientEnded = false;
  const close = (): void => {
    socket.destroy();
    channel.close();
  };
  socket.on("error", close);
  channel.on("error", close);
  channel.pipe(socket);
  channel.once("end", () => {
    hasClientEnded = true;
    if (socket.readableEnded) channel.end();
  });
  channel.once("close", () => socket.end());
  socket.pipe(channel, { end: false });
  socket.once("end", () => {
    if (hasClientEnded) channel.end();
    // Behind all that waits for the channel's window.
    else channel.write(Buffer.alloc(0), () => channel.eof?.());
  });
}

/** ssh2's types lack `eof`: CHANNEL_EOF without CHANNEL_CLOSE (RFC 4254 section 5.3). */
type HalfClosing = ServerChannel & { eof?(): void };

/** A client without a terminal of its own names no size. */
function readWindow({ cols, rows }: PseudoTtyInfo): WindowSize | undefined {
  return cols === 0 || rows === 0 ? undefined : { columns: cols, rows };
}

/** terminfo(5) names: anything else would only do harm in an environment. */
function cleanTerm(name: string | undefined): string {
  return name !== undefined && /^[\w.+-]{1,64}$/.test(name) ? name : "xterm";
}
