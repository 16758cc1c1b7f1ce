import { once } from "node:events";
import { type Event, now, type Snapshot } from "../../protocol/control-messages.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import type { Machine } from "../../hypervisor/index.ts";
import { Attachment, GuestConnection, type LinkKeys, type LocalStreams } from "../interaction/index.ts";
import type { RecordedExit } from "./container-record.ts";
import { eventError, explainConsole, readLogEvents } from "./guest-outcome.ts";

/** Pause before the link is tried again; a link that breaks at once every time must not spin. */
const RECONNECT_PAUSE_MS = 20;

/**
 * A guest that runs answers within milliseconds, under emulation within a second. A link that is cut and opened
 * again before the guest has noticed may join two connections into one, which then never shakes hands.
 */
const HANDSHAKE_LIMIT_MS = 10_000;

/** What one run is made of. */
export interface ContainerRunOptions {
  readonly machine: Machine;
  readonly keys: LinkKeys;
  readonly streams: LocalStreams;
  readonly consoleLog: string;
  readonly log: string;
  readonly startTimeoutMs: number;
  /** Tells how the start went on: for `-v`. */
  readonly onStages: (stages: NonNullable<Snapshot["stages"]>) => void;
  readonly onStarted: () => void;
}

/**
 * The host's view of a container VM from its power-on to its exit: connects, carries the streams, connects again
 * when the link breaks, and learns how the process ended.
 */
export class ContainerRun {
  readonly #options: ContainerRunOptions;
  readonly #attachment: Attachment;
  readonly #stop = new AbortController();
  readonly #failure = Promise.withResolvers<never>();
  #connection: GuestConnection | undefined;
  #exit = Promise.withResolvers<RecordedExit>();
  /** The exit, once every byte before it has been carried. */
  #result: RecordedExit | undefined;
  #lastSequence = 0;
  #hasConnected = false;
  readonly #pendingSignals: number[] = [];

  constructor(options: ContainerRunOptions) {
    this.#options = options;
    this.#attachment = new Attachment(options.streams);
    this.#failure.promise.catch(() => {});
    this.#exit.promise.catch(() => {});
  }

  /**
   * Carries the container to its end and tells the guest that the exit was taken over.
   *
   * @throws TetherError the guest's error, or why there is no exit.
   */
  async complete(): Promise<RecordedExit> {
    const limit = setTimeout(() => this.#giveUp(), this.#options.startTimeoutMs);
    try {
      return await Promise.race([
        this.#carry(() => clearTimeout(limit)),
        this.#outcomeWithoutLink(),
        this.#failure.promise,
      ]);
    } finally {
      clearTimeout(limit);
      this.#stop.abort();
      this.#connection?.close();
    }
  }

  /** Sends a signal to the process, now or as soon as it runs. */
  async signal(signal: number): Promise<void> {
    if (this.#connection === undefined) this.#pendingSignals.push(signal);
    else await this.#connection.request({ signalSession: { signal } });
  }

  /** Connection after connection, until everything was carried. */
  async #carry(onConnected: () => void): Promise<RecordedExit> {
    for (;;) {
      const connection = await this.#connect();
      if (connection === undefined) {
        await once(AbortSignal.timeout(RECONNECT_PAUSE_MS), "abort");
        continue;
      }
      onConnected();
      this.#connection = connection;
      const end = await this.#carryOver(connection).catch((error: unknown) => {
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

  async #carryOver(connection: GuestConnection): Promise<RecordedExit | "broken"> {
    const broken = connection.closed.then(() => "broken" as const);
    // Its answer says nothing that the connection's end would not.
    connection.request({ setClock: { time: now() } }).catch(() => {});
    const snapshot = await connection.snapshot();
    this.#options.onStages(snapshot.stages ?? []);
    for (const event of snapshot.events ?? []) this.#observe(event);
    for (const signal of this.#pendingSignals.splice(0)) {
      await connection.request({ signalSession: { signal } }).catch(ignoreEndedProcess);
    }
    const carried = await this.#attachment.carry(connection, snapshot.inputBytes ?? 0);
    if (carried === "broken") return "broken";
    const exit = await Promise.race([this.#exit.promise, broken]);
    if (exit === "broken") return "broken";
    this.#result = exit;
    await connection.request({ acknowledgeExit: {} }).catch(() => {
      // Everything is here: a guest that powers off before its answer has come through has done its part.
    });
    return exit;
  }

  async #connect(): Promise<GuestConnection | undefined> {
    this.#stop.signal.throwIfAborted();
    try {
      const socket = await this.#options.machine.connectLink();
      // The first handshake waits for the boot; its limit is the start's.
      const limits = this.#hasConnected ? [AbortSignal.timeout(HANDSHAKE_LIMIT_MS)] : [];
      const signal = AbortSignal.any([this.#stop.signal, ...limits]);
      const connection = await GuestConnection.open(
        socket,
        this.#options.keys,
        (event) => this.#observe(event),
        signal,
      );
      this.#hasConnected = true;
      return connection;
    } catch (error) {
      if (error instanceof TetherError && error.code === "link-protocol") throw error;
      // Not up yet, or cut during the handshake: the machine's end and the time limit are watched elsewhere.
      return undefined;
    }
  }

  /** Events may be seen twice, in a snapshot and on their own: their numbers tell. */
  #observe(event: Event): void {
    const sequence = event.sequence ?? 0;
    if (sequence <= this.#lastSequence) return;
    this.#lastSequence = sequence;
    if (event.started) this.#options.onStarted();
    if (event.exited) this.#exit.resolve({ code: event.exited.code ?? 0, signal: event.exited.signal ?? 0 });
    const error = eventError(event);
    if (error !== undefined) this.#failure.reject(error);
  }

  /** The machine ended though nobody took the exit over the link: the log port's file has the last word. */
  async #outcomeWithoutLink(): Promise<RecordedExit> {
    const { reason } = await this.#options.machine.ended;
    if (this.#result !== undefined) return this.#result;
    const events = readLogEvents(this.#options.log);
    const error = events.map(eventError).find((each) => each !== undefined);
    if (error !== undefined) throw error;
    if (events.some(({ exited }) => exited)) {
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

/** A signal that had to wait for the link may come too late; the exit tells how the process ended. */
function ignoreEndedProcess(error: unknown): void {
  if (!(error instanceof TetherError) || error.code !== "no-such-session") throw error;
}
