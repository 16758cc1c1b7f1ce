import type { ServerChannel, Session as SshSession } from "ssh2";
import { type ArchiveCommand, parseArchiveCommand } from "../protocol/archive-commands.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { CONTROL_SUBSYSTEM, STATISTICS_SUBSYSTEM } from "../protocol/link-names.ts";
import { MAIN_SESSION, type Session } from "../session/index.ts";
import type { WindowSize } from "../system/system.ts";
import { attachChannel } from "./attach-channel.ts";
import { type AttachCommand, parseAttach } from "./attach-command.ts";
import { serveControl } from "./control-channel.ts";
import type { Detachments, ServedAgent } from "./ssh-server.ts";
import type { AgentStatistics } from "./statistics/agent-statistics.ts";
import type { UserServices } from "./user-services.ts";

/** ssh2's types have both always; `reject` is missing when the client wants no reply. */
type Answers = {
  readonly accept: () => ServerChannel | undefined;
  readonly reject: (() => void) | undefined;
};

/**
 * So long the container VM stays up, once its process has ended, for a client that follows and has not had everything;
 * one that holds the process is waited for until it has.
 */
const FOLLOWER_LIMIT_MS = 10_000;

/** So long after it has lost its link: it comes back within 200 ms, on a busy machine within a second or two. */
const RETURN_LIMIT_MS = 3000;

/** Serves one channel of the endpoint: the control subsystem, an attachment, or an archive that is copied. */
export function serveEndpointSession(ssh: SshSession, agent: ServedAgent, detachments: Detachments): void {
  new EndpointSession(ssh, agent, detachments).serve();
}

class EndpointSession {
  readonly #ssh: SshSession;
  readonly #agent: ServedAgent;
  readonly #detachments: Detachments;
  #window: WindowSize | undefined;
  #attached: Session | undefined;

  constructor(ssh: SshSession, agent: ServedAgent, detachments: Detachments) {
    this.#ssh = ssh;
    this.#agent = agent;
    this.#detachments = detachments;
  }

  serve(): void {
    this.#ssh.on("subsystem", (accept, reject: Answers["reject"], { name }) => {
      if (name === CONTROL_SUBSYSTEM) this.#serveControl(accept());
      else if (name === STATISTICS_SUBSYSTEM) this.#serveStatistics({ accept, reject });
      else reject?.();
    });
    this.#ssh.on("pty", (accept, _reject, { cols, rows }) => {
      this.#window = { columns: cols, rows };
      accept?.();
    });
    this.#ssh.on("window-change", (accept, _reject, { cols, rows }) => {
      this.#attached?.resize({ columns: cols, rows });
      accept?.();
    });
    this.#ssh.on("exec", (accept, reject, { command }) => this.#serveCommand(command, { accept, reject }));
  }

  /** Of a channel's requests to start something only the first gets the channel (RFC 4254 section 6.5). */
  #serveControl(channel: ServerChannel | undefined): void {
    if (channel !== undefined) serveControl(channel, this.#agent.control);
  }

  #serveStatistics({ accept, reject }: Answers): void {
    const { statistics } = this.#agent;
    const channel = statistics === undefined ? undefined : accept();
    if (statistics === undefined || channel === undefined) reject?.();
    else void this.#serveStatisticsLazily(channel, statistics);
  }

  /** Its code is not needed by a start. */
  async #serveStatisticsLazily(channel: ServerChannel, statistics: AgentStatistics): Promise<void> {
    const [{ serveStatistics }, served] = await Promise.all([
      import("./statistics/statistics-channel.ts"),
      statistics.open(),
    ]);
    const end = serveStatistics(channel, served);
    this.#detachments.add(end);
    this.#ssh.once("close", () => {
      end();
      this.#detachments.delete(end);
    });
  }

  #serveCommand(command: string, answers: Answers): void {
    const attach = parseAttach(command);
    if (attach !== undefined) {
      this.#attach(attach, answers);
      return;
    }
    const { services } = this.#agent;
    const archive = parseArchiveCommand(command);
    const channel = archive === undefined || services === undefined ? undefined : answers.accept();
    if (channel === undefined || archive === undefined || services === undefined) answers.reject?.();
    else void serveArchiveLazily(channel, archive, services);
  }

  #attach(attach: AttachCommand, { accept, reject }: Answers): void {
    const entry = this.#agent.sessions?.entries.find(({ id }) => id === attach.sessionId);
    const channel = entry === undefined ? undefined : accept();
    if (entry === undefined || channel === undefined) {
      reject?.();
      return;
    }
    const { session } = entry;
    this.#attached = session;
    // Before the process, which may start with this client.
    if (this.#window !== undefined && session.isTerminal) session.resize(this.#window);
    const detach = attachChannel(this.#ssh, channel, session, attach);
    const letGo = entry.id === MAIN_SESSION ? this.#agent.holders.add() : (): void => {};
    const isFollower = attach.kind === "follow";
    if (isFollower) void session.outcome.then(() => setTimeout(letGo, FOLLOWER_LIMIT_MS));
    const lose = (): void => {
      if (isFollower) setTimeout(letGo, RETURN_LIMIT_MS);
      else letGo();
      detach("lost");
    };
    this.#detachments.add(lose);
    this.#ssh.once("close", () => {
      letGo();
      this.#detachments.delete(lose);
    });
  }
}

/** Copying is rare, and its code is not needed by a start. */
async function serveArchiveLazily(
  channel: ServerChannel,
  command: ArchiveCommand,
  services: UserServices,
): Promise<void> {
  const { serveArchive } = await import("./archive-channel.ts");
  try {
    await serveArchive(channel, command, services.files());
  } catch (error) {
    // The container can take away the user that the files are to belong to.
    const { code, message } = TetherError.from(error, "internal", "copying");
    channel.stderr.write(`${JSON.stringify({ code, message })}\n`);
    channel.exit(1);
    channel.resume();
    channel.end();
  }
}
