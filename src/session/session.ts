import { closeSync } from "node:fs";
import { TetherError } from "../protocol/errors/index.ts";
import type { ChildStatus, WindowSize } from "../system/system.ts";
import { readContainerFile } from "../system/container-file.ts";
import { makeEnvironment } from "./environment.ts";
import { InputStream, type InputTarget } from "./input-stream.ts";
import { explainReport, launch, type Launch, readReport } from "./launcher.ts";
import { type Departure, ReplayStream, type StreamSink } from "../protocol/streams/index.ts";
import { type OutputDescriptors, RingSource } from "./ring-source.ts";
import type {
  Client,
  Exit,
  SavedProcess,
  SessionComponents,
  SessionObserver,
  SessionState,
} from "./session-components.ts";
import type { SessionSpecification } from "./session-specification.ts";
import { openPipes, openTerminal, type StandardStreams } from "./standard-streams.ts";
import { lookUpUser } from "./user.ts";

/** A grandchild that keeps the output open holds the exit back no longer than this. */
const DRAIN_LIMIT_MS = 2000;

/** A client that lost its link is expected back for so long: reconnecting takes milliseconds. */
const RETURN_LIMIT_MS = 30_000;

/** After a crash of the agent a client comes back within a second or two. */
const RESUME_LIMIT_MS = 10_000;

/** The first client of a session whose output is kept for it comes within seconds. */
const FIRST_CLIENT_LIMIT_MS = 60_000;

/** One process of the container, from launch to its last output byte. */
export class Session {
  readonly #specification: SessionSpecification;
  readonly #components: SessionComponents;
  readonly #observer: SessionObserver;
  #state: SessionState = { phase: "created" };
  /** The terminal's latest size, also before there is one. */
  #window: WindowSize | undefined;
  #streams: StandardStreams | undefined;
  readonly #sources: RingSource[] = [];
  /** While several streams are closed at once. */
  #forgotten: Forgotten | undefined;
  #saved: SavedProcess | undefined;
  #output: ReplayStream | undefined;
  #errorOutput: ReplayStream | undefined;
  readonly input: InputStream;
  readonly #waiting: Array<() => void> = [];
  /** One for each recorded stream: resolves when the record has the last byte. */
  readonly #recorded: Array<Promise<void>> = [];
  readonly #outcome = Promise.withResolvers<Exit | TetherError>();
  /** Clients that have gone: by their own wish, or with their link, so that they may come back. */
  readonly #departed = { left: 0, lost: 0 };

  constructor(specification: SessionSpecification, components: SessionComponents, observer: SessionObserver) {
    this.#specification = specification;
    this.#components = components;
    this.#observer = observer;
    this.#window = specification.window;
    this.input = new InputStream({
      endsWithClient: specification.stdinOnce && !specification.tty,
      isOpen: specification.openStdin,
    });
  }

  get state(): SessionState {
    return this.#state;
  }

  /** True until the kernel has forgotten the process, which is a moment before {@link state} says so. */
  get isRunning(): boolean {
    return this.#state.phase === "running" && this.#saved?.exit === undefined;
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

  /** Goes on with a process that an agent before this one has started. */
  async resume(process: SavedProcess): Promise<void> {
    const { reaper } = this.#components;
    const { pid, streams, exit, hasDrained } = process;
    this.#saved = process;
    if (streams !== undefined) this.#adopt(streams, exit === undefined);
    // Whoever was attached comes back; what it needs must still be there.
    if (!hasDrained)
      for (const stream of [this.#output, this.#errorOutput]) stream?.expectReader(RESUME_LIMIT_MS);
    const status = exit === undefined ? reaper.exitOf(pid, (ended) => this.#note(ended)) : undefined;
    if (hasDrained && exit !== undefined) {
      this.#streamsEnd();
      this.#state = { phase: "drained", pid, exit };
      this.#outcome.resolve(exit);
      return;
    }
    if (process.hasStarted) this.#state = { phase: "running", pid };
    else {
      this.#state = { phase: "starting" };
      const failure = await this.#readReport(process);
      if (failure !== undefined) {
        await status;
        this.#fail(failure);
        return;
      }
    }
    this.#exit(pid, exit ?? toExit(await (status ?? Promise.reject(new Error("unreachable")))));
    await this.#drain();
  }

  /** @returns what kept the process of the agent before from running; else it is told that it runs. */
  async #readReport({ pid, report }: SavedProcess): Promise<TetherError | undefined> {
    if (report instanceof Uint8Array) return explainReport(Buffer.from(report));
    if (report === undefined) this.#tellStarted(pid);
    else {
      try {
        await readReport(this.#components.system, report, (failure) => this.#hear(pid, failure));
      } catch (error) {
        return TetherError.from(error, "launch-failed", "launching the process");
      }
    }
    return undefined;
  }

  /** The launcher has reported, and its report's descriptor is about to be closed. */
  #hear(pid: number, failure: Buffer | undefined): void {
    if (failure === undefined) this.#tellStarted(pid);
    else if (this.#saved !== undefined) this.#save({ ...this.#saved, report: failure });
  }

  /** It will not be started any more: whoever attaches is told the error. Does nothing once it has begun. */
  abandon(error: TetherError): void {
    if (this.#state.phase === "created") this.#fail(error);
  }

  /** Bytes of output and error output so far. */
  get outputBytes(): { readonly output: number; readonly errorOutput: number } {
    return { output: this.#output?.length ?? 0, errorOutput: this.#errorOutput?.length ?? 0 };
  }

  /** How much of the output is kept for clients that come back. */
  get keptBytes(): number {
    return (this.#output?.keptBytes ?? 0) + (this.#errorOutput?.keptBytes ?? 0);
  }

  /** Forgets the output of a process that has ended, unless a client still reads it. */
  shed(): void {
    this.#output?.shed();
    this.#errorOutput?.shed();
  }

  /** Some client still reads its output. */
  get isRead(): boolean {
    return this.#output?.isRead === true || this.#errorOutput?.isRead === true;
  }

  /** Nobody will ask for this session's output again: its memory is given back. Only once it has ended. */
  discard(): void {
    for (const source of this.#sources.splice(0)) source.discard();
  }

  /**
   * Whoever was attached has left, and so has had all that it wanted: nothing needs to be kept for its return. What is
   * recorded is kept until the record has it.
   */
  #release(): void {
    if (this.#state.phase !== "drained" || this.isRead || this.#components.record !== undefined) return;
    if (this.#departed.left === 0 || this.#departed.lost > 0 || this.#sources.length === 0) return;
    if (this.#saved !== undefined) this.#save({ ...this.#saved, streams: undefined });
    this.discard();
  }

  /** Resolves with how the process ended, behind its last byte; with the error when it never ran. */
  get outcome(): Promise<Exit | TetherError> {
    return this.#outcome.promise;
  }

  /**
   * Connects a client to the outputs, at once or as soon as the process has them; a process that waits for its
   * first client starts.
   *
   * @returns disconnects it.
   */
  attach(client: Client): (departure?: Departure) => void {
    let isDetached = false;
    let detach: Array<(departure?: Departure) => void> = [];
    const connect = (): void => {
      if (isDetached) return;
      if (this.#output === undefined) {
        client.output.end();
        client.errorOutput.end();
        return;
      }
      const { outputOffset, errorOutputOffset, kind } = client;
      detach = [this.#output.attach(outputOffset, client.output, kind, RETURN_LIMIT_MS)];
      if (this.#errorOutput === undefined) client.errorOutput.end();
      else
        detach.push(this.#errorOutput.attach(errorOutputOffset, client.errorOutput, kind, RETURN_LIMIT_MS));
    };
    if (this.#state.phase === "created" || this.#state.phase === "starting") this.#waiting.push(connect);
    else connect();
    if (this.#state.phase === "created" && this.#specification.startAfterAttach) void this.start();
    return (departure = "left") => {
      if (isDetached) return;
      isDetached = true;
      detach.forEach((each) => each(departure));
      this.#departed[departure] += 1;
      this.#release();
    };
  }

  /** Sizes the terminal, now or when it is opened; without one this does nothing. */
  resize(window: WindowSize): void {
    this.#window = window;
    const { output, isTerminal } = this.#streams ?? {};
    if (isTerminal !== true || output?.source === undefined || this.#output?.hasEnded !== false) return;
    this.#components.system.setWindowSize(output.source, window);
  }

  /**
   * kill(2) on the process, or on its process group.
   *
   * @throws TetherError `no-such-session` when no process runs.
   */
  signal(signal: number, toGroup: boolean): void {
    if (this.#state.phase !== "running" || !this.isRunning)
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
      specification.groups,
    );
    const streams = specification.tty
      ? openTerminal(system, user, openPty, this.#window)
      : openPipes(system, user, specification.openStdin);
    this.#adopt(streams, true);
    const launched = Promise.withResolvers<Launch>();
    let status: Promise<ChildStatus> | undefined;
    // A process that was started and not noted would be nobody's after a crash.
    system.uninterrupted(() => {
      try {
        const instructions = {
          args: specification.args,
          environment: makeEnvironment(specification, user.home),
          workingDirectory: specification.workingDirectory ?? Buffer.from(user.home),
          user,
          tty: specification.tty,
          makeWorkingDirectory: specification.makesWorkingDirectory,
          ...specification.security,
        };
        const { childDescriptors } = streams;
        const started = launch(system, launcher, container, childDescriptors, instructions, (failure) =>
          this.#hear(started.pid, failure),
        );
        status = reaper.exitOf(started.pid, (ended) => this.#note(ended));
        const { childDescriptors: _child, closeChildEnds: _close, ...kept } = streams;
        this.#save({
          pid: started.pid,
          streams: kept,
          report: started.report,
          hasStarted: false,
          exit: undefined,
          hasDrained: false,
        });
        launched.resolve(started);
      } catch (error) {
        launched.reject(error);
      } finally {
        streams.closeChildEnds();
      }
    });
    const { pid, executed } = await launched.promise;
    try {
      await executed;
    } catch (error) {
      await status;
      throw error;
    }
    if (status !== undefined) this.#exit(pid, toExit(await status));
    await this.#drain();
  }

  /** @param isRunning its input may still be written. */
  #adopt(streams: StandardStreams, isRunning: boolean): void {
    this.#streams = streams;
    const { record } = this.#components;
    this.#output = this.#replay(
      streams.output,
      record && { sink: record.output, offset: record.outputOffset },
    );
    if (streams.errorOutput === undefined) record?.errorOutput.end();
    else
      this.#errorOutput = this.#replay(
        streams.errorOutput,
        record && { sink: record.errorOutput, offset: record.errorOutputOffset },
      );
    this.input.connect(isRunning ? this.#openInput(streams) : undefined);
  }

  #replay(
    descriptors: OutputDescriptors,
    record: { readonly sink: StreamSink; readonly offset: number } | undefined,
  ): ReplayStream {
    const source = new RingSource(this.#components.system, descriptors, () => this.#closeOutput(descriptors));
    this.#sources.push(source);
    const stream = new ReplayStream(source, { whileUnread: "let go" });
    // Before the record, which would let go what it has had.
    if (this.#specification.holdOutput) stream.expectReader(FIRST_CLIENT_LIMIT_MS);
    if (record !== undefined) this.#recorded.push(attachRecord(stream, record.sink, record.offset));
    return stream;
  }

  #openInput({ input, isTerminal }: StandardStreams): InputTarget | undefined {
    if (input === undefined) return undefined;
    const counted = this.#components.system.openInput(input.count, input.target, {
      onWritable: () => this.input.writable(),
    });
    return {
      writtenBytes: () => counted.writtenBytes(),
      write: (bytes) => counted.write(bytes),
      end: () => {
        counted.close();
        this.#forget({ input: undefined }, () => {
          closeSync(input.count);
          // A terminal's input is its output too, and is closed with that.
          if (!isTerminal) closeSync(input.target);
        });
      },
    };
  }

  #closeOutput(descriptors: OutputDescriptors): void {
    const { source } = descriptors;
    if (source === undefined) return;
    const name = this.#streams?.errorOutput?.ring === descriptors.ring ? "errorOutput" : "output";
    this.#forget({ [name]: { ...descriptors, source: undefined } }, () => closeSync(source));
  }

  /** Closes descriptors: after a crash nobody may take their numbers, which others may have got, for the streams'. */
  #forget(change: Partial<StandardStreams>, close: () => void): void {
    if (this.#forgotten !== undefined) {
      Object.assign(this.#forgotten.change, change);
      this.#forgotten.closes.push(close);
      return;
    }
    this.#components.system.uninterrupted(() => {
      if (this.#saved?.streams !== undefined)
        this.#save({ ...this.#saved, streams: { ...this.#saved.streams, ...change } });
      close();
    });
  }

  /** What is forgotten in this work is saved once. */
  #forgetTogether(work: () => void): void {
    const forgotten = { change: {}, closes: [] };
    this.#forgotten = forgotten;
    try {
      work();
    } finally {
      this.#forgotten = undefined;
      const { change, closes }: Forgotten = forgotten;
      if (closes.length > 0) this.#forget(change, () => closes.forEach((close) => close()));
    }
  }

  #save(process: SavedProcess): void {
    this.#saved = process;
    this.#components.save?.(process);
  }

  #note(status: ChildStatus): void {
    if (this.#saved !== undefined) this.#save({ ...this.#saved, exit: toExit(status) });
  }

  #tellStarted(pid: number): void {
    this.#state = { phase: "running", pid };
    this.#observer.started(pid);
    if (this.#saved !== undefined) this.#save({ ...this.#saved, report: undefined, hasStarted: true });
    this.#connectWaiting();
  }

  #exit(pid: number, exit: Exit): void {
    this.#state = { phase: "exited", pid, exit };
    this.#forgetTogether(() => {
      this.input.close();
      this.#output?.catchUp();
      this.#errorOutput?.catchUp();
    });
    this.#observer.exited?.([this.#output, this.#errorOutput].some((stream) => stream?.hasEnded === false));
  }

  #streamsEnd(): void {
    this.#output?.end();
    this.#errorOutput?.end();
    this.input.close();
  }

  async #drain(): Promise<void> {
    if (this.#state.phase !== "exited") return;
    const { pid, exit } = this.#state;
    const streams = [this.#output, this.#errorOutput].filter((stream) => stream !== undefined);
    if (streams.some(({ hasEnded }) => !hasEnded))
      await within(DRAIN_LIMIT_MS, Promise.all(streams.map((stream) => stream.ended)));
    streams.forEach((stream) => stream.end());
    await within(DRAIN_LIMIT_MS, Promise.all(this.#recorded));
    this.#state = { phase: "drained", pid, exit };
    this.#observer.ended(exit);
    if (this.#saved !== undefined) this.#save({ ...this.#saved, hasDrained: true });
    this.#outcome.resolve(exit);
    this.#release();
  }

  #fail(error: TetherError): void {
    this.#state = { phase: "failed", error };
    this.#streamsEnd();
    this.#observer.failed(error);
    if (this.#saved !== undefined) this.#save({ ...this.#saved, hasDrained: true });
    this.#outcome.resolve(error);
    this.#connectWaiting();
  }

  #connectWaiting(): void {
    for (const connect of this.#waiting.splice(0)) connect();
  }
}

/** Streams that are closed, and what closes their descriptors. */
interface Forgotten {
  readonly change: Partial<StandardStreams>;
  readonly closes: Array<() => void>;
}

/** @returns resolves when the record has had the stream's end. */
function attachRecord(stream: ReplayStream, record: StreamSink, offset: number): Promise<void> {
  return new Promise((resolve) => {
    stream.attach(
      offset,
      {
        write: (chunk, done) => record.write(chunk, done),
        end: () => {
          record.end();
          resolve();
        },
      },
      "record",
    );
  });
}

function toExit({ code, signal, coreDumped }: ChildStatus): Exit {
  return { code: code ?? 0, signal: signal ?? 0, coreDumped };
}

/** Waits for work, but no longer than this. */
async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  const limit = Promise.withResolvers<void>();
  const timer = setTimeout(limit.resolve, limitMs);
  await Promise.race([work, limit.promise]);
  clearTimeout(timer);
}
