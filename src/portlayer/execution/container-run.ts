import { once } from "node:events";
import type { Socket } from "node:net";
import { constants } from "node:os";
import { type Event, now, type Snapshot } from "../../protocol/control-messages.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import type { Machine } from "../../hypervisor/index.ts";
import type { tether } from "../../protocol/generated/control.js";
import { Attachment, GuestConnection, type LinkAccess, type LocalStreams } from "../interaction/index.ts";
import type { RecordedExit } from "./container-record.ts";
import { Gate } from "./gate.ts";
import type { GuestLease } from "./guest-lease.ts";
import { eventError, explainConsole, readLogEvents } from "./guest-outcome.ts";
import { findExit, lastRun, toExit } from "./run-events.ts";

/** Pause before the link is tried again; a link that breaks at once every time must not spin. */
const RECONNECT_PAUSE_MS = 20;

/**
 * A guest that runs answers within milliseconds, under emulation within a second. A link that is cut and opened
 * again before the guest has noticed may join two connections into one, which then never shakes hands.
 */
const HANDSHAKE_LIMIT_MS = 10_000;

/** What an exec of a container that has ended may still have to say. */
const LAST_WORDS_MS = 500;

/** How an exec ends with its container. */
const KILLED: SessionEnd = { exit: { code: 0, signal: constants.signals.SIGKILL }, willRestart: false };

/** What one run is made of. */
export interface ContainerRunOptions {
  readonly machine: Machine;
  readonly keys: LinkAccess;
  readonly streams: LocalStreams;
  /** An exec to make and to carry instead of the main session. */
  readonly exec?: CreateExec;
  /** Has a connection for the exec, and takes back the one on which it has come to its end. */
  readonly lease?: Pick<GuestLease, "take" | "leave">;
  /** Leaves out what the session has written before. */
  readonly fromNow?: boolean;
  /** Whether to tell the guest, at such an end, that it can power off: this is who it waits for. */
  readonly acknowledges: (end: SessionEnd) => boolean;
  readonly consoleLog: string;
  readonly log: string;
  /** How long the guest may take to answer for the first time. */
  readonly startTimeoutMs: number;
  /** Each time there is a connection. */
  readonly onConnected?: () => void;
  /** Tells how the start went on: for `-v`. */
  readonly onStages: (stages: NonNullable<Snapshot["stages"]>) => void;
  /** @param pid the process's number in the guest; 0 of a guest that does not tell. */
  readonly onStarted: (pid: number) => void;
}

/** What an exec is, in the guest's words. */
export type CreateExec = tether.control.CreateExec.$Properties & { readonly id: string };

/** How a session's process ended. */
export interface SessionEnd {
  readonly exit: RecordedExit;
  /** The guest starts it again: this is not the container's end. */
  readonly willRestart: boolean;
}

/** How carrying a session ended: as its process did, or before. */
export type RunEnd = SessionEnd | "left";

/** What a guest that means well tells before it answers is a handful. */
const MOST_EARLY_EVENTS = 4096;

/**
 * The host's view of a container VM from its power-on to its exit: connects, carries the streams, connects again
 * when the link breaks, and learns how the process ended.
 */
export class ContainerRun {
  readonly #options: ContainerRunOptions;
  readonly #attachment: Attachment;
  /** What the guest says on the error output of an exec that did not start, it says by an event, too. */
  readonly #failedStart: Gate | undefined;
  readonly #stop = new AbortController();
  readonly #failure = Promise.withResolvers<never>();
  readonly #killed = Promise.withResolvers<SessionEnd>();
  #lastWords: NodeJS.Timeout | undefined;
  readonly #left = Promise.withResolvers<"left">();
  readonly #started = Promise.withResolvers<void>();
  /** Empty for the main session. */
  readonly #sessionId: string;
  #connection: GuestConnection | undefined;
  #exit = Promise.withResolvers<SessionEnd>();
  /** The exit, once every byte before it has been carried. */
  #result: SessionEnd | undefined;
  #lastSequence = 0;
  /** What the guest tells on a connection before it has answered what was before. */
  #early: Event[] | undefined;
  #hasConnected = false;
  #isExecMade = false;
  #carriesOutput = true;
  /** What other clients had given the session before this one came: the guest counts all of it. */
  #othersInputBytes = 0;
  readonly #pendingSignals: number[] = [];

  constructor(options: ContainerRunOptions) {
    this.#options = options;
    this.#sessionId = options.exec?.id ?? "";
    const { exec, fromNow } = options;
    this.#failedStart = exec === undefined ? undefined : new Gate(options.streams.errorOutput);
    const streams = { ...options.streams, errorOutput: this.#failedStart ?? options.streams.errorOutput };
    this.#attachment = new Attachment(streams, this.#sessionId, fromNow === true ? "follow" : "hold");
    this.#failure.promise.catch(() => {});
    this.#exit.promise.catch(() => {});
  }

  /**
   * Carries the session to its end, and tells the guest that the exit was taken over if that is this run's part.
   *
   * @throws TetherError the guest's error, or why there is no exit.
   */
  complete(): Promise<RunEnd> {
    return this.#follow((connection) => this.#carryOver(connection));
  }

  /**
   * Waits until the process has started, and leaves.
   *
   * @throws TetherError the guest's error, or why there is none.
   */
  async untilStarted(): Promise<void> {
    this.#carriesOutput = false;
    await this.#follow((connection) => this.#awaitStart(connection));
  }

  /** Lets go of the session, which goes on. */
  leave(): void {
    this.#left.resolve("left");
  }

  /** Resolves once every session's step is done, or once there is nothing to wait for any more. */
  async #follow(step: (connection: GuestConnection) => Promise<RunEnd | "broken">): Promise<RunEnd> {
    const limit = setTimeout(() => this.#giveUp(), this.#options.startTimeoutMs);
    try {
      return await Promise.race([
        this.#carry(step, () => {
          clearTimeout(limit);
          this.#options.onConnected?.();
        }),
        this.#outcomeWithoutLink(),
        this.#failure.promise,
        this.#killed.promise,
        this.#left.promise,
      ]);
    } finally {
      clearTimeout(limit);
      clearTimeout(this.#lastWords);
      this.#stop.abort();
      this.#leaveConnection();
    }
  }

  /** Behind the end of an exec's channel nothing is under way any more. */
  #leaveConnection(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const { lease } = this.#options;
    if (lease === undefined || this.#result === undefined) connection.close();
    else lease.leave(connection);
  }

  /** Sends a signal to the process, now or as soon as it runs. */
  async signal(signal: number): Promise<void> {
    if (this.#connection === undefined) this.#pendingSignals.push(signal);
    else await this.#connection.request({ signalSession: { signal, sessionId: this.#sessionId } });
  }

  /**
   * Tells the guest of a new log file.
   *
   * @throws TetherError `guest-lost` while it is not connected.
   */
  async tellOfRotation(writtenBytes: number): Promise<void> {
    if (this.#connection === undefined) throw new TetherError("guest-lost", "the guest is not connected");
    await this.#connection.request({ logRotated: { writtenBytes } });
  }

  /** Connection after connection, until everything was carried. */
  async #carry(
    step: (connection: GuestConnection) => Promise<RunEnd | "broken">,
    onConnected: () => void,
  ): Promise<RunEnd> {
    for (;;) {
      const connection = await this.#connect();
      if (connection === undefined) {
        await once(AbortSignal.timeout(RECONNECT_PAUSE_MS), "abort");
        continue;
      }
      onConnected();
      this.#connection = connection;
      const end = await step(connection).catch((error: unknown) => {
        // What the guest refused is final; a link that broke is not.
        if (error instanceof TetherError && error.code !== "guest-lost") throw error;
        return "broken" as const;
      });
      if (end !== "broken") return end;
      this.#connection = undefined;
      connection.close();
      await connection.closed;
    }
  }

  async #carryOver(connection: GuestConnection): Promise<RunEnd | "broken"> {
    const broken = connection.closed.then(() => "broken" as const);
    const inputBytes =
      this.#options.exec === undefined ? await this.#look(connection) : await this.#makeExec(connection);
    for (const signal of this.#pendingSignals.splice(0)) {
      await connection
        .request({ signalSession: { signal, sessionId: this.#sessionId } })
        .catch(ignoreEndedProcess);
    }
    const carried = await this.#attachment.carry(connection, inputBytes);
    if (carried === "broken") return "broken";
    // Of the main session the event says more than the channel.
    const exit =
      this.#options.exec === undefined
        ? await Promise.race([this.#exit.promise, broken])
        : toEnd(this.#attachment.exit);
    if (exit === "broken") return "broken";
    this.#result = exit;
    if (!this.#options.acknowledges(exit)) return exit;
    await connection.request({ acknowledgeExit: {} }).catch(() => {
      // Everything is here: a guest that powers off before its answer has come through has done its part.
    });
    return exit;
  }

  async #awaitStart(connection: GuestConnection): Promise<RunEnd | "broken"> {
    await this.#look(connection);
    return Promise.race([
      this.#started.promise.then(() => "left" as const),
      connection.closed.then(() => "broken" as const),
    ]);
  }

  /** @returns how much of this client's input the guest has. */
  async #look(connection: GuestConnection): Promise<number> {
    // Its answer says nothing that the connection's end would not.
    connection.request({ setClock: { time: now() } }).catch(() => {});
    const snapshot = await connection.snapshot();
    const isFirst = this.#lastSequence === 0;
    this.#options.onStages(snapshot.stages ?? []);
    for (const event of [...(snapshot.events ?? []), ...(this.#early ?? [])]) this.#observe(event);
    this.#early = undefined;
    const main = snapshot.sessions?.find(({ id }) => (id ?? "") === "");
    const inputBytes = snapshot.inputBytes ?? 0;
    if (isFirst && this.#options.fromNow === true) {
      this.#attachment.skip(main?.outputBytes ?? 0, main?.errorOutputBytes ?? 0);
      this.#othersInputBytes = inputBytes;
    }
    return Math.max(inputBytes - this.#othersInputBytes, 0);
  }

  /**
   * Asks for the exec, without waiting for an answer: its channel's opening follows at once. After a broken link the
   * guest may have it already.
   *
   * @returns how much of the input the guest has.
   */
  async #makeExec(connection: GuestConnection): Promise<number> {
    const { exec } = this.#options;
    if (exec === undefined) return 0;
    if (this.#isExecMade) {
      const { sessions } = await connection.snapshot();
      const known = sessions?.find(({ id }) => id === exec.id);
      if (known !== undefined) return known.inputBytes ?? 0;
    }
    this.#isExecMade = true;
    connection.request({ createExec: exec }).catch((error: unknown) => {
      if (error instanceof TetherError && error.code !== "guest-lost") this.#failure.reject(error);
    });
    return 0;
  }

  async #connect(): Promise<GuestConnection | undefined> {
    this.#stop.signal.throwIfAborted();
    const kept = this.#options.lease?.take();
    if (kept !== undefined) {
      kept.handOver((event) => this.#observe(event));
      this.#hasConnected = true;
      return kept;
    }
    try {
      const socket = await this.#options.machine.connectLink();
      // The first handshake waits for the boot; its limit begins with the guest's first byte.
      const limit = this.#hasConnected ? AbortSignal.timeout(HANDSHAKE_LIMIT_MS) : limitFromFirstByte(socket);
      const signal = AbortSignal.any([this.#stop.signal, limit]);
      // Of a container the guest is asked first; an exec that is to be made has no past.
      this.#early = this.#options.exec === undefined ? [] : undefined;
      const connection = await GuestConnection.open(
        socket,
        this.#options.keys,
        (event) => {
          if (this.#early === undefined) this.#observe(event);
          else if (this.#early.length < MOST_EARLY_EVENTS) this.#early.push(event);
        },
        signal,
      );
      this.#hasConnected = true;
      return connection;
    } catch (error) {
      if (error instanceof TetherError && error.code === "link-protocol") throw error;
      // Nobody has waited for this guest yet; a run that is under way goes on when there is room.
      if (error instanceof TetherError && error.code === "no-space" && !this.#hasConnected) throw error;
      // Not up yet, or cut during the handshake: the machine's end and the time limit are watched elsewhere.
      return undefined;
    }
  }

  /** Events may be seen twice, in a snapshot and on their own: their numbers tell. */
  #observe(event: Event): void {
    const sequence = event.sequence ?? 0;
    if (sequence <= this.#lastSequence) return;
    this.#lastSequence = sequence;
    const sessionId = event.sessionId ?? "";
    if (this.#sessionId !== "" && sessionId === "" && event.exited) this.#endWithContainer();
    if (sessionId !== this.#sessionId) return;
    if (event.started) {
      this.#options.onStarted(event.started.pid ?? 0);
      this.#failedStart?.open();
      this.#started.resolve();
    }
    if (event.exited)
      this.#exit.resolve({ exit: toExit(event.exited), willRestart: event.exited.willRestart ?? false });
    const error = eventError(event);
    if (error !== undefined) this.#failure.reject(error);
  }

  /** The container's end is that of its execs; what they wrote last may still be under way. */
  #endWithContainer(): void {
    this.#lastWords = setTimeout(() => this.#killed.resolve(KILLED), LAST_WORDS_MS);
  }

  /** The machine ended though nobody took the exit over the link: the log port's file has the last word. */
  async #outcomeWithoutLink(): Promise<SessionEnd> {
    const { reason } = await this.#options.machine.ended;
    // What the guest sent last is still read.
    await Promise.race([this.#connection?.closed, once(AbortSignal.timeout(LAST_WORDS_MS), "abort")]);
    if (this.#result !== undefined) return this.#result;
    // The machine took the exec's process with it.
    if (this.#options.exec !== undefined) return KILLED;
    const events = lastRun(readLogEvents(this.#options.log));
    const error = events.map(eventError).find((each) => each !== undefined);
    if (error !== undefined) throw error;
    const exit = findExit(events);
    // Nobody waits for the output of a process that was started in the background.
    if (exit !== undefined && (this.#attachment.exit !== undefined || !this.#carriesOutput))
      return toEnd(exit);
    if (exit !== undefined) {
      throw new TetherError(
        "guest-lost",
        "the container's process has ended, but not all of its output has arrived",
      );
    }
    const explained = explainConsole(this.#options.consoleLog);
    if (explained.code === "guest-lost" && reason === "lost") {
      throw new TetherError("guest-lost", "the container VM's hypervisor process ended unexpectedly");
    }
    throw explained;
  }

  #giveUp(): void {
    if (this.#hasConnected) return;
    const seconds = this.#options.startTimeoutMs / 1000;
    const explained = explainConsole(this.#options.consoleLog);
    this.#failure.reject(
      explained.code === "guest-lost"
        ? new TetherError(
            "guest-not-connected",
            `the container VM did not answer within ${seconds} s (see --start-timeout)`,
          )
        : explained,
    );
  }
}

function toEnd(exit: RecordedExit): SessionEnd;
function toEnd(exit: RecordedExit | undefined): SessionEnd | "broken";
function toEnd(exit: RecordedExit | undefined): SessionEnd | "broken" {
  return exit === undefined ? "broken" : { exit, willRestart: false };
}

/** A signal that had to wait for the link may come too late; the exit tells how the process ended. */
function ignoreEndedProcess(error: unknown): void {
  if (!(error instanceof TetherError) || error.code !== "no-such-session") throw error;
}

/** An agent that crashes within a handshake leaves both sides waiting: the next one knows nothing of it. */
function limitFromFirstByte(socket: Socket): AbortSignal {
  const limit = new AbortController();
  const begin = (): void => {
    const timer = setTimeout(() => limit.abort(), HANDSHAKE_LIMIT_MS);
    timer.unref();
    socket.once("close", () => clearTimeout(timer));
  };
  // In a later turn: whoever reads the socket comes first, and loses nothing to this listener.
  setImmediate(() => socket.once("data", begin));
  return limit.signal;
}
