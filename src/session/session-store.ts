import type { Time } from "../protocol/control-messages.ts";
import type { RestartPolicy } from "./restart-policy.ts";
import type { SavedProcess } from "./session-components.ts";
import type { SessionSpecification } from "./session-specification.ts";

/** What is kept of a session for an agent that takes over after a crash. */
export interface SavedSession {
  readonly id: string;
  readonly specification: SessionSpecification;
  readonly isPrivileged: boolean;
  readonly isOutOfMemory: boolean;
  readonly startedAt: Time | undefined;
  readonly finishedAt: Time | undefined;
  /** Undefined until it is started. */
  readonly process: SavedProcess | undefined;
}

/** What is kept of the container's life beside its sessions. */
export interface SavedLife {
  readonly restartPolicy: RestartPolicy;
  readonly restartCount: number;
  readonly isStopping: boolean;
  readonly isPaused: boolean;
  /** The main process has ended and is to be started again. */
  readonly willRestart: boolean;
}

/**
 * Where sessions are kept for an agent that takes over after a crash. Nothing here waits, and what a call has kept
 * outlives the agent from its return on.
 */
export interface SessionStore {
  /** Also keeps the process's descriptors open over the crash. */
  save(session: SavedSession): void;
  forget(id: string): void;
  saveLife(life: SavedLife): void;
}
