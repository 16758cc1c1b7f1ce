import { now, type Time } from "../protocol/control-messages.ts";
import type { TetherError } from "../protocol/errors/index.ts";
import { atLaunch, type ContainerComponents } from "./container-components.ts";
import { Session } from "./session.ts";
import type { Exit, OutputRecord, SavedProcess } from "./session-components.ts";
import type { SessionSpecification } from "./session-specification.ts";
import type { SavedSession } from "./session-store.ts";

/** A session with what is known of it. */
export interface SessionEntry {
  readonly id: string;
  readonly session: Session;
  readonly specification: SessionSpecification;
  readonly isPrivileged: boolean;
  readonly startedAt: Time | undefined;
  readonly finishedAt: Time | undefined;
  /** A process was killed for want of memory while it ran. */
  readonly isOutOfMemory: boolean;
}

/** An exec: one more process in the container. */
export interface ExecRequest {
  readonly id: string;
  readonly specification: SessionSpecification;
  readonly isPrivileged: boolean;
}

/** An entry as its container keeps it up. */
export type LiveEntry = { -readonly [Key in keyof SessionEntry]: SessionEntry[Key] } & {
  /** What is saved of the process; undefined until it is started. */
  process: SavedProcess | undefined;
  /** performance.now() at the process's start, whatever is done to the wall clock; undefined until then. */
  runningSinceMs: number | undefined;
};

/** Who is told what becomes of an entry's process, and decides how the container goes on. */
interface EntryObserver {
  /** What is saved of it is no longer what it is. */
  readonly changed: (entry: LiveEntry) => void;
  readonly started: () => void;
  /** Its process has ended; others may still have its output open. */
  readonly exited: (isHeldOpen: boolean) => void;
  /** Asked before the end is reported. @returns the pause before the next start; undefined when there is none. */
  readonly pauseAfter: (entry: LiveEntry, outcome: Exit | TetherError) => number | undefined;
  /** The end was reported. @param exit undefined when it could not even start. */
  readonly ended: (entry: LiveEntry, exit: Exit | undefined, pauseMs: number | undefined) => void;
}

/** Makes a session, not started yet, that reports what happens to it and keeps its entry up to date. */
export function makeEntry(
  { id, specification, isPrivileged }: ExecRequest,
  record: OutputRecord | undefined,
  components: ContainerComponents,
  observer: EntryObserver,
): LiveEntry {
  const { cgroup, report } = components;
  let killsBefore = cgroup.outOfMemoryKills();
  const save = (process: SavedProcess): void => {
    entry.process = process;
    observer.changed(entry);
  };
  const session = new Session(specification, atLaunch(components, record, save), {
    started: (pid) => {
      killsBefore = cgroup.outOfMemoryKills();
      entry.startedAt = now();
      entry.runningSinceMs = performance.now();
      report({ started: { pid } }, id);
      observer.started();
    },
    exited: (isHeldOpen) => observer.exited(isHeldOpen),
    ended: (exit) => {
      entry.isOutOfMemory = cgroup.outOfMemoryKills() > killsBefore;
      entry.finishedAt = now();
      const pauseMs = observer.pauseAfter(entry, exit);
      const facts = { outOfMemory: entry.isOutOfMemory, willRestart: pauseMs !== undefined };
      report({ exited: { ...exit, ...facts } }, id);
      observer.ended(entry, exit, pauseMs);
    },
    failed: (error) => {
      entry.finishedAt = now();
      const pauseMs = observer.pauseAfter(entry, error);
      report({ failed: { error: { code: error.code, message: error.message } } }, id);
      observer.ended(entry, undefined, pauseMs);
    },
  });
  const facts = { startedAt: undefined, finishedAt: undefined, isOutOfMemory: false };
  const running = { process: undefined, runningSinceMs: undefined };
  const entry: LiveEntry = { id, session, specification, isPrivileged, ...facts, ...running };
  return entry;
}

/** Gives an entry what an agent before this one has saved of it. */
export function resumeEntry(entry: LiveEntry, saved: SavedSession): void {
  Object.assign(entry, saved);
  const { startedAt } = saved;
  if (startedAt !== undefined)
    entry.runningSinceMs = performance.now() - Math.max(0, Date.now() - toMs(startedAt));
}

/** What an agent that takes over needs of an entry. */
export function savedEntry({ session: _session, runningSinceMs: _since, ...saved }: LiveEntry): SavedSession {
  return saved;
}

/** How long the entry's process has run; 0 when it has not. */
export function ranMs({ runningSinceMs }: LiveEntry): number {
  return runningSinceMs === undefined ? 0 : performance.now() - runningSinceMs;
}

function toMs({ seconds, nanoseconds }: Time): number {
  return (seconds ?? 0) * 1000 + (nanoseconds ?? 0) / 1_000_000;
}
