import {
  type Execution,
  isUp,
  type KnownContainer,
  type LogOutput,
} from "../../portlayer/execution/index.ts";
import type { WindowSize } from "../../portlayer/interaction/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { ApiError, toApiError } from "../http/api-error.ts";
import type { Log } from "../http/log.ts";
import type { SessionClient } from "./client.ts";
import { nowhere } from "./multiplexed.ts";
import { replay } from "./replay.ts";
import { SessionTerminal } from "./session-terminal.ts";
import { SharedSession } from "./shared-session.ts";

/** What sessions need of the port layer. */
export type SessionExecution = Pick<
  Execution,
  "look" | "list" | "start" | "startAttached" | "attach" | "wait" | "remove" | "resize"
>;

/** Clients that may wait for the start of one container: each holds a connection. */
const MOST_WAITING = 16;

/** Whoever waits for a container's removal asks within moments. */
const MOST_OUTCOMES = 1000;

/**
 * The clients that are attached to containers. Docker's clients attach before they start: who waits for a start is
 * carried by it, who comes later has a connection to the guest of his own.
 */
export class Sessions {
  readonly #execution: SessionExecution;
  readonly #log: Log;
  readonly #waiting = new Map<string, Set<SessionClient>>();
  readonly #terminals = new Map<string, Set<SessionTerminal>>();
  /** First sizes of terminals, as their containers' makers have asked for them. */
  readonly #firstSizes = new Map<string, WindowSize>();
  readonly #carried = new Map<string, { readonly session: SharedSession; readonly ended: Promise<void> }>();
  /** How containers have ended that were carried, or removed at their end: nothing else tells it then. */
  readonly #outcomes = new Map<string, number>();
  readonly #background = new AbortController();

  constructor(execution: SessionExecution, log: Log) {
    this.#execution = execution;
    this.#log = log;
  }

  /**
   * Whoever was to be removed at its end is, though its client may be gone: also what an earlier endpoint has left. What
   * was cut off in its start with that endpoint goes on.
   */
  adopt(): void {
    const running = this.#execution.list().filter(({ state }) => isUp(state));
    for (const known of running) this.#supervise(known);
    void this.#letGoOn(running.map(({ record }) => record.id));
  }

  /** Remembers what size a container's terminal is to have at first. */
  setFirstSize(id: string, size: WindowSize): void {
    this.#firstSizes.set(id, size);
  }

  /** Keeps a client until its container is started; its session ends when the container ends, or is removed. */
  async wait(id: string, client: SessionClient): Promise<void> {
    const waiting = this.#waiting.get(id) ?? new Set();
    if (waiting.size >= MOST_WAITING) {
      await client.end();
      return;
    }
    this.#waiting.set(id, waiting.add(client));
    client.left.addEventListener("abort", () => waiting.delete(client), { once: true });
  }

  /** Whether another client may wait for a container's start. */
  hasRoom(id: string): boolean {
    return (this.#waiting.get(id)?.size ?? 0) < MOST_WAITING;
  }

  /**
   * Attaches a client to a container that runs, and carries its streams to the end.
   *
   * @param log follows the container's log from its beginning: the client gets its output from there, so that nothing
   *   between what has been and what comes is lost or told twice. When left out, it gets what comes from now on.
   */
  async follow(
    { record }: KnownContainer,
    client: SessionClient,
    log?: (signal: AbortSignal) => AsyncIterable<LogOutput>,
  ): Promise<void> {
    const terminal = record.tty ? this.#addTerminal(record.id) : undefined;
    const outputs = log === undefined ? client : { output: nowhere(), errorOutput: nowhere() };
    const { output, errorOutput } = outputs;
    const streams = {
      input: client.input,
      ...(client.onInputEnd === undefined ? {} : { onInputEnd: client.onInputEnd }),
      output,
      errorOutput,
      ...(terminal === undefined ? {} : { terminal }),
    };
    client.begin();
    const replayed = log && replay(log(AbortSignal.any([client.left, this.#background.signal])), client);
    // It is waited for behind the attachment.
    replayed?.catch(() => {});
    try {
      await this.#execution.attach(record.id, streams, {
        abort: this.#background.signal,
        detach: client.left,
        onRunning: () => {},
      });
    } catch (error) {
      this.#warn(record.id, error);
    }
    await replayed?.catch((error: unknown) => this.#warn(record.id, error));
    if (terminal !== undefined) this.#terminals.get(record.id)?.delete(terminal);
    await client.end();
  }

  #warn(container: string, error: unknown): void {
    if (!this.#background.signal.aborted) this.#log.warn({ container }, toApiError(error).message);
  }

  /**
   * Starts a container, for the clients that wait for it or for nobody.
   *
   * @returns false when it is up already.
   */
  async start(known: KnownContainer): Promise<boolean> {
    const { id } = known.record;
    if (known.state.status === "paused")
      throw new ApiError(409, "cannot start a paused container, try unpause instead");
    if (isUp(known.state)) return false;
    const clients = this.#waiting.get(id) ?? new Set();
    this.#waiting.delete(id);
    this.#outcomes.delete(id);
    try {
      if (clients.size > 0) await this.#startFor(known, clients);
      else if (!(await this.#execution.start(id, this.#background.signal))) return false;
    } catch (error) {
      await this.#discard(known);
      throw error;
    }
    this.#supervise(known);
    return true;
  }

  /** Gives a container's terminal another size. */
  async resize({ record }: KnownContainer, size: WindowSize): Promise<void> {
    const terminals = this.#terminals.get(record.id);
    if (terminals === undefined || terminals.size === 0) await this.#execution.resize(record.id, size);
    else for (const terminal of terminals) terminal.resize(size);
  }

  /** Waits until the clients that a container was started for have got everything. @returns how it ended, if known. */
  async outcomeOf(id: string): Promise<number | undefined> {
    await this.#carried.get(id)?.ended;
    return this.#outcomes.get(id);
  }

  /** A container that has been removed: nobody needs wait for it any more. */
  async forget(id: string): Promise<void> {
    const clients = this.#waiting.get(id) ?? [];
    this.#waiting.delete(id);
    this.#firstSizes.delete(id);
    await Promise.all([...clients].map((client) => client.end()));
  }

  /** Lets go of all containers, which go on. */
  async close(): Promise<void> {
    for (const { session } of this.#carried.values()) session.detach();
    await Promise.all([...this.#carried.values()].map(({ ended }) => ended));
    this.#background.abort(new TetherError("internal", "the endpoint has ended"));
    for (const id of this.#waiting.keys()) await this.forget(id);
  }

  async #startFor({ record }: KnownContainer, clients: ReadonlySet<SessionClient>): Promise<void> {
    const { id, tty, settings } = record;
    const terminal = tty ? this.#addTerminal(id) : undefined;
    const session = new SharedSession(clients, settings?.stdinOnce === true && !tty, terminal);
    const started = Promise.withResolvers<void>();
    const carried = this.#execution
      .startAttached(id, session.streams, {
        abort: new AbortController().signal,
        detach: session.detached,
        onRunning: () => {
          for (const client of clients) client.begin();
          started.resolve();
        },
      })
      .then((status) => {
        if (!session.detached.aborted) this.#keepOutcome(id, status);
        started.resolve();
      });
    const ended = carried
      .catch((error: unknown) => {
        started.reject(error);
        this.#log.info({ container: id }, toApiError(error).message);
      })
      .then(() => this.#ended(id, clients, terminal));
    this.#carried.set(id, { session, ended });
    await started.promise;
  }

  async #ended(
    id: string,
    clients: ReadonlySet<SessionClient>,
    terminal: SessionTerminal | undefined,
  ): Promise<void> {
    if (terminal !== undefined) this.#terminals.get(id)?.delete(terminal);
    await Promise.all([...clients].map((client) => client.end()));
    this.#carried.delete(id);
  }

  #addTerminal(id: string): SessionTerminal {
    const terminal = new SessionTerminal(this.#firstSizes.get(id));
    const terminals = this.#terminals.get(id) ?? new Set();
    this.#terminals.set(id, terminals.add(terminal));
    return terminal;
  }

  /** One that could not be started and was to be removed at its end has come to it. */
  async #discard({ record }: KnownContainer): Promise<void> {
    if (record.settings?.autoRemove !== true) return;
    await this.#execution
      .remove(record.id, { force: true, withVolumes: true })
      .catch((error: unknown) => this.#log.debug({ container: record.id }, toApiError(error).message));
  }

  /** Somebody has to look when it ends, so that it is removed. */
  /** One after the other: a container to which nobody has spoken yet is spoken to by whoever looks at it. */
  async #letGoOn(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      if (this.#background.signal.aborted) return;
      try {
        await this.#execution.look(id);
      } catch (error) {
        const isGone = error instanceof TetherError && error.code === "no-such-container";
        if (!isGone) this.#log.warn({ container: id, error: String(error) }, "looking at it failed");
      }
    }
  }

  #supervise({ record }: KnownContainer): void {
    if (record.settings?.autoRemove !== true) return;
    this.#execution
      .wait(record.id, this.#background.signal)
      .then((status) => this.#keepOutcome(record.id, status))
      .catch((error: unknown) => {
        if (!this.#background.signal.aborted)
          this.#log.debug({ container: record.id }, toApiError(error).message);
      });
  }

  #keepOutcome(id: string, status: number): void {
    if (!this.#outcomes.has(id)) this.#outcomes.set(id, status);
    const [oldest] = this.#outcomes.keys();
    if (this.#outcomes.size > MOST_OUTCOMES && oldest !== undefined) this.#outcomes.delete(oldest);
  }
}
