import { TetherError } from "../protocol/errors/index.ts";
import type { ChildStatus, System, WindowSize } from "../system/system.ts";
import { readContainerFile } from "./container-file.ts";
import { DEFAULT_CAPABILITIES, DEFAULT_RESOURCE_LIMITS } from "./docker-defaults.ts";
import { makeEnvironment } from "./environment.ts";
import { InputStream } from "./input-stream.ts";
import { type ContainerHandles, launch } from "./launcher.ts";
import { type StreamSink, ReplayStream } from "../protocol/streams/index.ts";
import type { SessionSpecification } from "./session-specification.ts";
import { type OpenPty, openPipes, openTerminal, type StandardStreams } from "./standard-streams.ts";
import { lookUpUser } from "./user.ts";

/** A grandchild that keeps the output open holds the exit back no longer than this. */
const DRAIN_LIMIT_MS = 2000;

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
  readonly reaper: { exitOf(pid: number): Promise<ChildStatus> };
  readonly container: ContainerHandles;
  /** Path of `tether-exec` in the agent's file system. */
  readonly launcher: string;
  readonly openPty: OpenPty;
}

/** Told of a session's life, each at most once and in this order. */
export interface SessionObserver {
  started(pid: number): void;
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
}

/** One process of the container, from launch to its last output byte. */
export class Session {
  readonly #specification: SessionSpecification;
  readonly #components: SessionComponents;
  readonly #observer: SessionObserver;
  #state: SessionState = { phase: "created" };
  #streams: StandardStreams | undefined;
  #output: ReplayStream | undefined;
  #errorOutput: ReplayStream | undefined;
  readonly input: InputStream;
  readonly #waiting: Array<() => void> = [];

  constructor(specification: SessionSpecification, components: SessionComponents, observer: SessionObserver) {
    this.#specification = specification;
    this.#components = components;
    this.#observer = observer;
    this.input = new InputStream({
      endsWithClient: specification.stdinOnce && !specification.tty,
      isOpen: specification.openStdin,
    });
  }

  get state(): SessionState {
    return this.#state;
  }

  get isTerminal(): boolean {
    return this.#specification.tty;
  }

  /** Launches the process. Failures are told to the observer, never thrown. */
  async start(): Promise<void> {
    this.#state = { phase: "starting" };
    try {
      await this.#launch();
    } catch (error) {
      this.#fail(TetherError.from(error, "launch-failed", "launching the process"));
    }
  }

  /**
   * Connects a client to the outputs, at once or as soon as the process has them.
   *
   * @returns disconnects it.
   */
  attach(client: Client): () => void {
    let isDetached = false;
    let detach: Array<() => void> = [];
    const connect = (): void => {
      if (isDetached) return;
      if (this.#output === undefined) {
        client.output.end();
        client.errorOutput.end();
        return;
      }
      detach = [this.#output.attach(client.outputOffset, client.output)];
      if (this.#errorOutput === undefined) client.errorOutput.end();
      else detach.push(this.#errorOutput.attach(client.errorOutputOffset, client.errorOutput));
    };
    if (this.#state.phase === "created" || this.#state.phase === "starting") this.#waiting.push(connect);
    else connect();
    return () => {
      isDetached = true;
      detach.forEach((each) => each());
    };
  }

  /** Sizes the terminal; without one this does nothing. */
  resize(window: WindowSize): void {
    this.#streams?.resize(window);
  }

  /**
   * kill(2) on the process, or on its process group.
   *
   * @throws TetherError `no-such-session` when no process runs.
   */
  signal(signal: number, toGroup: boolean): void {
    if (this.#state.phase !== "running")
      throw new TetherError("no-such-session", "the container's process is not running");
    this.#components.system.kill(toGroup ? -this.#state.pid : this.#state.pid, signal);
  }

  async #launch(): Promise<void> {
    const { system, reaper, container, launcher, openPty } = this.#components;
    const specification = this.#specification;
    const user = lookUpUser(
      specification.user,
      readContainerFile(system, container.root, "/etc/passwd"),
      readContainerFile(system, container.root, "/etc/group"),
    );
    const streams = specification.tty
      ? openTerminal(system, user, openPty, specification.window)
      : openPipes(system, user, specification.openStdin);
    this.#adopt(streams);
    let launched: { readonly pid: number; readonly executed: Promise<void> };
    try {
      launched = launch(system, launcher, container, streams.childDescriptors, {
        args: specification.args,
        environment: makeEnvironment(specification, user.home),
        workingDirectory: specification.workingDirectory,
        user,
        tty: specification.tty,
        capabilities: DEFAULT_CAPABILITIES,
        resourceLimits: DEFAULT_RESOURCE_LIMITS,
      });
    } finally {
      streams.closeChildEnds();
    }
    const status = reaper.exitOf(launched.pid);
    try {
      await launched.executed;
    } catch (error) {
      await status;
      throw error;
    }
    this.#run(launched.pid);
    this.#exit(launched.pid, await status);
    await this.#drain();
  }

  #adopt(streams: StandardStreams): void {
    this.#streams = streams;
    this.#output = new ReplayStream(streams.output);
    this.#errorOutput = streams.errorOutput === undefined ? undefined : new ReplayStream(streams.errorOutput);
    this.input.connect(streams.input);
  }

  #run(pid: number): void {
    this.#state = { phase: "running", pid };
    this.#observer.started(pid);
    this.#connectWaiting();
  }

  #exit(pid: number, status: ChildStatus): void {
    const exit = { code: status.code ?? 0, signal: status.signal ?? 0, coreDumped: status.coreDumped };
    this.#state = { phase: "exited", pid, exit };
    this.input.close();
    // A terminal's input is its output too, and is still being drained.
    if (!this.#specification.tty) this.#streams?.input?.destroy();
  }

  async #drain(): Promise<void> {
    if (this.#state.phase !== "exited") return;
    const { pid, exit } = this.#state;
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, DRAIN_LIMIT_MS);
    const streams = [this.#output, this.#errorOutput].filter((stream) => stream !== undefined);
    await Promise.race([Promise.all(streams.map((stream) => stream.ended)), limit.promise]);
    clearTimeout(timer);
    streams.forEach((stream) => stream.end());
    this.#state = { phase: "drained", pid, exit };
    this.#observer.ended(exit);
  }

  #fail(error: TetherError): void {
    this.#state = { phase: "failed", error };
    this.#output?.end();
    this.#errorOutput?.end();
    this.input.close();
    this.#streams?.input?.destroy();
    this.#observer.failed(error);
    this.#connectWaiting();
  }

  #connectWaiting(): void {
    for (const connect of this.#waiting.splice(0)) connect();
  }
}
