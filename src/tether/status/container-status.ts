import type { Event, Time } from "../../protocol/control-messages.ts";
import { signalName } from "../../protocol/signals.ts";
import { cleanText } from "./clean-text.ts";
import type { ReloadOutcome } from "../guestinfo/document-watch.ts";
import type { StatusRecord } from "./status-record.ts";

/** Where records go; never waits, and only the last one counts. */
export interface StatusSink {
  publish(record: StatusRecord): void;
}

/** What the record depends on beside what happens. */
export interface StatusComponents {
  readonly sink: StatusSink;
  readonly agentVersion: string;
  readonly addresses: () => Readonly<Record<string, readonly string[]>>;
}

/** Keeps the record of the container up to date, and hands on each new form of it. */
export class ContainerStatus {
  readonly #components: StatusComponents;
  #record: StatusRecord;

  constructor(components: StatusComponents) {
    this.#components = components;
    const { agentVersion } = components;
    const begin = { stage: "agent started", state: "starting", addresses: {}, restarts: 0 } as const;
    this.#record = { version: 1, agent: agentVersion, ...begin };
  }

  /** A start-up stage was reached. */
  reached(stage: string): void {
    this.#change({ stage: cleanText(stage) });
  }

  /** @param isReadable whether the container can read the document; undefined when it was read by an agent before. */
  configured(hostname: string, isReadable: boolean | undefined): void {
    const secrets = isReadable ? "readable" : "erased";
    this.#change({ hostname: cleanText(hostname), ...(isReadable === undefined ? {} : { secrets }) });
  }

  /** The addresses may be others now. */
  refresh(): void {
    this.#change({});
  }

  /** A newer document was found in guestinfo. */
  reloaded(outcome: ReloadOutcome): void {
    const reload =
      "error" in outcome
        ? { error: { code: outcome.error.code, message: cleanText(outcome.error.message) } }
        : { changes: outcome.changes.map(cleanText) };
    this.#change({ reload: { time: new Date().toISOString(), ...reload } });
  }

  /** Something happened; what concerns execs is passed over. */
  happened(event: Event): void {
    if (event.sessionId) return;
    const time = toText(event.time);
    if (event.started) {
      const {
        exitCode: _code,
        signal: _signal,
        outOfMemory: _memory,
        stopped: _stopped,
        ...rest
      } = this.#record;
      this.#record = rest;
      this.#change({ state: "running", pid: event.started.pid ?? 0, started: time });
    } else if (event.exited) this.#exited(event.exited, time);
    else if (event.restarting) this.#change({ state: "restarting", restarts: event.restarting.count ?? 0 });
    else if (event.failed) {
      const { code, message } = event.failed.error ?? {};
      const error = { code: cleanText(code ?? ""), message: cleanText(message ?? "") };
      this.#change({ state: "failed", error });
    } else if (event.fileSystemFailed) {
      const { volumes, error = "", place } = event.fileSystemFailed;
      const where = volumes?.length ? `volume ${volumes.join(", ")}` : "the container's disk";
      const message = `${where}: ${error}${place ? ` in ${place}` : ""}`;
      this.#change({ error: { code: "file-system-error", message: cleanText(message) } });
    }
  }

  #exited(exited: NonNullable<Event["exited"]>, stopped: string): void {
    const { pid: _pid, ...rest } = this.#record;
    this.#record = rest;
    const end = exited.signal ? { signal: fullName(exited.signal) } : { exitCode: exited.code ?? 0 };
    this.#change({
      state: exited.willRestart ? "restarting" : "exited",
      stopped,
      ...end,
      ...(exited.outOfMemory ? { outOfMemory: true } : {}),
    });
  }

  #change(change: Partial<StatusRecord>): void {
    this.#record = { ...this.#record, ...change, addresses: this.#components.addresses() };
    this.#components.sink.publish(this.#record);
  }
}

/** `SIGTERM`; a real-time signal is its number. */
function fullName(signal: number): string {
  const name = signalName(signal);
  return name === String(signal) ? name : `SIG${name}`;
}

function toText(time: Time | null | undefined): string {
  const milliseconds = (time?.seconds ?? 0) * 1000 + Math.floor((time?.nanoseconds ?? 0) / 1_000_000);
  return new Date(milliseconds).toISOString();
}
