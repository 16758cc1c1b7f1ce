import { readFileSync } from "node:fs";
import type { Event, EventBody } from "../../src/protocol/control-messages.ts";
import { TetherError } from "../../src/protocol/errors/index.ts";
import {
  type ContainerCgroup,
  type ContainerLife,
  ContainerSessions,
  type OutputRecord,
  type Session,
  type SessionSpecification,
} from "../../src/session/index.ts";
import type { ControlRequests } from "../../src/tether/control-requests.ts";
import { EventLog } from "../../src/tether/event-log.ts";
import { UserServices } from "../../src/tether/user-services.ts";
import { CollectingSink } from "./collecting-sink.ts";
import { controlRequests } from "./control-requests.ts";
import { type NativeComponents, specification, useNativeComponents } from "./native-session.ts";

/** The container's cgroup, played with the process groups of every process that the container has started. */
export class FakeCgroup implements ContainerCgroup {
  /** What was done, in order: `kill`, `freeze`, `thaw`. */
  readonly calls: string[] = [];
  /** What the next calls of `kill` and `freeze` fail with. */
  failure: Error | undefined;
  readonly #pids = new Set<number>();
  readonly #listeners = new Set<(kills: number) => void>();
  #kills = 0;

  add(pid: number): void {
    this.#pids.add(pid);
  }

  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  async kill(): Promise<void> {
    this.calls.push("kill");
    if (this.failure !== undefined) throw this.failure;
    this.#signal("SIGKILL");
    while (this.processes().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  async freeze(): Promise<void> {
    this.calls.push("freeze");
    if (this.failure !== undefined) throw this.failure;
    this.#signal("SIGSTOP");
    await new Promise(setImmediate);
  }

  thaw(): void {
    this.calls.push("thaw");
    this.#signal("SIGCONT");
  }

  outOfMemoryKills(): number {
    return this.#kills;
  }

  onOutOfMemory(listener: (kills: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The kernel kills one more. */
  runOutOfMemory(): void {
    this.#kills += 1;
    for (const listener of this.#listeners) listener(this.#kills);
  }

  processes(): number[] {
    return [...this.#pids].filter(isAlive);
  }

  #signal(signal: NodeJS.Signals): void {
    for (const pid of this.#pids) {
      try {
        process.kill(-pid, signal);
      } catch {
        // ESRCH: nobody of this group is left.
      }
    }
  }
}

/** A zombie of a grandchild is for this machine's init to reap, and not alive. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    // ENOENT: it was reaped.
    return false;
  }
}

/** A container of real processes on this machine, with all that the agent makes of it but PID 1. */
export interface NativeContainer {
  readonly sessions: ContainerSessions;
  readonly cgroup: FakeCgroup;
  readonly events: EventLog;
  readonly control: ControlRequests;
  readonly services: UserServices;
  /** How often the namespace was made anew. */
  readonly renewals: () => number;
  /** Makes an exec, which starts at once. @returns its id. */
  readonly exec: (changes: Partial<SessionSpecification>, id?: string) => Session;
  /** Resolves with the first event that fits, of those that were and those to come. */
  readonly event: (fits: (event: Event) => boolean) => Promise<Event>;
  /** What happened to a session, in order: the names of its events. */
  readonly namesOf: (sessionId: string) => string[];
}

/** How a test's container differs from one that runs `sleep 1000`. */
export interface NativeContainerOptions extends Partial<Omit<ContainerLife, "main">> {
  readonly main?: Partial<SessionSpecification>;
  readonly record?: () => OutputRecord;
  readonly components?: Partial<NativeComponents>;
  readonly renew?: () => void;
}

/** @returns makes a container, started, for the tests of the surrounding `describe`; each ends with its test. */
export function useNativeContainers(): (options?: NativeContainerOptions) => NativeContainer {
  const native = useNativeComponents();
  const made: NativeContainer[] = [];
  afterEach(async () => {
    for (const { sessions, cgroup } of made.splice(0)) {
      cgroup.failure = undefined;
      await sessions.kill();
      sessions.stop(0, 0);
      // Output that no client has read would be waited for: this process would not end.
      for (const { session } of sessions.entries) session.discard();
    }
  });
  return (options = {}) => {
    const container = makeContainer({ ...native(), ...options.components }, options);
    made.push(container);
    container.sessions.start();
    return container;
  };
}

function makeContainer(
  components: NativeComponents,
  { main, record, renew, ...life }: NativeContainerOptions,
): NativeContainer {
  const cgroup = new FakeCgroup();
  const events = new EventLog();
  let renewals = 0;
  const sessions = new ContainerSessions(
    {
      restart: { kind: "no", maximumRetryCount: 0 },
      health: undefined,
      stopSignal: 15,
      stopTimeoutMs: 10_000,
      ...life,
      main: specification({ args: words("/bin/sleep", "1000"), holdOutput: false, ...main }),
    },
    {
      ...components,
      cgroup,
      container: () => components.container,
      renew: () => {
        renewals += 1;
        renew?.();
      },
      record: () => record?.(),
      report: (body: EventBody, sessionId) => {
        if (body.started) cgroup.add(body.started.pid ?? 0);
        events.record(body, sessionId);
      },
    },
  );
  return {
    sessions,
    cgroup,
    events,
    control: controlRequests({
      sessions,
      processes: () => cgroup.processes(),
      userName: (uid) => (uid === 0 ? "root" : ""),
      events: (afterSequence) => events.after(afterSequence),
      subscribe: (listener) => events.subscribe(listener),
    }),
    services: new UserServices(components.system, sessions, () => components.container),
    renewals: () => renewals,
    exec: (changes, id = execId()) =>
      sessions.createExec({ id, isPrivileged: false, specification: execSpecification(changes) }).session,
    event: (fits) => firstEvent(events, fits),
    namesOf: (sessionId) =>
      events.after(0).flatMap((event) => (event.sessionId === sessionId ? nameOf(event) : [])),
  };
}

/** An exec's, which waits for nobody. */
export function execSpecification(changes: Partial<SessionSpecification>): SessionSpecification {
  return specification({ holdOutput: false, makesWorkingDirectory: false, ...changes });
}

let execs = 0;

/** An id that no exec has had. */
export function execId(): string {
  execs += 1;
  return execs.toString(16).padStart(64, "0");
}

export function words(...args: string[]): Uint8Array[] {
  return args.map((arg) => Buffer.from(arg));
}

/** Everything that a session has written and keeps, once its process has ended; fails when it never ran. */
export async function outputOf(session: Session): Promise<{ output: string; errorOutput: string }> {
  const outcome = await session.outcome;
  if (outcome instanceof TetherError) throw outcome;
  const [output, errorOutput] = [new CollectingSink(), new CollectingSink()];
  session.attach({ output, errorOutput, outputOffset: 0, errorOutputOffset: 0, kind: "follow" });
  await Promise.all([output.ended, errorOutput.ended]);
  return { output: output.text, errorOutput: errorOutput.text };
}

function nameOf(event: Event): string[] {
  const facts = new Set(["sequence", "time", "sessionId"]);
  return Object.keys(event).filter((key) => !facts.has(key));
}

function firstEvent(events: EventLog, fits: (event: Event) => boolean): Promise<Event> {
  const before = events.after(0).find(fits);
  if (before !== undefined) return Promise.resolve(before);
  return new Promise((resolve) => {
    const stop = events.subscribe((event) => {
      if (!fits(event)) return;
      stop();
      resolve(event);
    });
  });
}
