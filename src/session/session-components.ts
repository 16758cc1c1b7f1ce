import type { TetherError } from "../protocol/errors/index.ts";
import type { ReaderKind, StreamSink } from "../protocol/streams/index.ts";
import type { ChildStatus, System } from "../system/system.ts";
import type { ContainerHandles } from "./launcher.ts";
import type { OpenPty, StandardStreams } from "./standard-streams.ts";

/** How a process ended; a signal of 0 means that it ended by exit(2) with `code`. */
export interface Exit {
  readonly code: number;
  readonly signal: number;
  readonly coreDumped: boolean;
}

/** The life cycle of a session, in order; `failed` replaces everything from `running` on. */
export type SessionState =
  | { readonly phase: "created" }
  | { readonly phase: "starting" }
  | { readonly phase: "running"; readonly pid: number }
  | { readonly phase: "exited"; readonly pid: number; readonly exit: Exit }
  | { readonly phase: "drained"; readonly pid: number; readonly exit: Exit }
  | { readonly phase: "failed"; readonly error: TetherError };

/** What a session needs of the agent. */
export interface SessionComponents {
  readonly system: System;
  /** The one component that waits for children. */
  readonly reaper: { exitOf(pid: number, note?: (status: ChildStatus) => void): Promise<ChildStatus> };
  readonly container: ContainerHandles;
  /** Path of `tether-exec` in the agent's file system. */
  readonly launcher: string;
  readonly openPty: OpenPty;
  /** Gets every byte of the output: the log. Undefined: nobody does but the clients. */
  readonly record?: OutputRecord | undefined;
  /** Keeps what a later agent needs to go on with the process; called at each change, and must not wait. */
  readonly save?: ((process: SavedProcess) => void) | undefined;
}

/** What is kept of a process for an agent that takes over after a crash. */
export interface SavedProcess {
  readonly pid: number;
  /** Undefined once nobody will read them again. */
  readonly streams: StandardStreams | undefined;
  /** Descriptor of the launcher's report, until it has been read; then what it said, if the launch has failed. */
  readonly report: number | Uint8Array | undefined;
  /** It was told that the process runs. */
  readonly hasStarted: boolean;
  /** Once it has ended. */
  readonly exit: Exit | undefined;
  /** Its output has been read to the end, and its end told, or that it could not be launched. */
  readonly hasDrained: boolean;
}

/** Where a session's output is recorded. */
export interface OutputRecord {
  readonly output: StreamSink;
  readonly errorOutput: StreamSink;
  /** Bytes of each that have been recorded, by an agent before this one. */
  readonly outputOffset: number;
  readonly errorOutputOffset: number;
}

/** Told of a session's life, each at most once and in this order. */
export interface SessionObserver {
  started(pid: number): void;
  /** The process ended. @param isHeldOpen others have its output open, whose end is waited for now. */
  exited?(isHeldOpen: boolean): void;
  /** The process ended and its last output byte has been read. */
  ended(exit: Exit): void;
  failed(error: TetherError): void;
}

/** One client's ends of the streams. */
export interface Client {
  readonly output: StreamSink;
  /** Not called with a terminal, which has one output. */
  readonly errorOutput: StreamSink;
  /** Bytes of each stream that the client has had already: 0 for a new one. */
  readonly outputOffset: number;
  readonly errorOutputOffset: number;
  /** Whether the process waits for this client as for the reader of a pipe. */
  readonly kind: Exclude<ReaderKind, "record">;
}
