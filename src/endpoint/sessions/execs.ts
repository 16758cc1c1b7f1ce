import { randomBytes } from "node:crypto";
import type { AttachEnd, ExecRequest, Execution } from "../../portlayer/execution/index.ts";
import type { WindowSize } from "../../portlayer/interaction/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { ApiError, toApiError } from "../http/api-error.ts";
import type { SessionClient } from "./client.ts";
import { nowhere } from "./multiplexed.ts";
import { SessionTerminal } from "./session-terminal.ts";

/** What an exec was made with. */
export interface ExecSettings {
  readonly request: ExecRequest;
  readonly containerId: string;
  readonly attachesOutput: boolean;
  readonly attachesErrorOutput: boolean;
  readonly detachKeys: string;
}

/** An exec, from its making until it is forgotten. */
export interface Exec extends ExecSettings {
  readonly id: string;
  readonly terminal: SessionTerminal | undefined;
  state: "made" | "running" | "ended";
  /** Its process's number in the guest; 0 before it runs. */
  pid: number;
  /** Once it has ended, or could not be started. */
  exitCode: number | undefined;
}

/** Execs that are known at the same time: the ones that ended longest ago go first, then those never started. */
const MOST_EXECS = 4096;

/** Docker's ids: 64 hexadecimal digits. */
const ID_BYTES = 32;

/** The execs of this endpoint: Docker's clients make them, start them, and ask how they have ended. */
export class Execs {
  readonly #execution: Pick<Execution, "exec">;
  readonly #execs = new Map<string, Exec>();
  readonly #background = new AbortController();

  constructor(execution: Pick<Execution, "exec">) {
    this.#execution = execution;
  }

  make(settings: ExecSettings, size: WindowSize | undefined): Exec {
    this.#makeRoom();
    const id = randomBytes(ID_BYTES).toString("hex");
    const exec: Exec = {
      ...settings,
      id,
      terminal: settings.request.tty ? new SessionTerminal(size) : undefined,
      state: "made",
      pid: 0,
      exitCode: undefined,
    };
    this.#execs.set(id, exec);
    return exec;
  }

  /** @throws ApiError 404 in dockerd's words. */
  find(id: string): Exec {
    const exec = this.#execs.get(id);
    if (exec === undefined) throw new ApiError(404, `No such exec instance: ${id}`);
    return exec;
  }

  /** The execs of a container that run. */
  runningIn(containerId: string): string[] {
    return [...this.#execs.values()]
      .filter((exec) => exec.containerId === containerId && exec.state === "running")
      .map(({ id }) => id);
  }

  /**
   * Starts an exec and carries its streams.
   *
   * @param client undefined: nobody is attached, and its output goes nowhere.
   * @param onRunning is told when its process runs, or has run.
   * @returns when it has ended, or the client has left it; its exit code is kept before the client's connection ends.
   * @throws what kept it from running.
   */
  async start(exec: Exec, client: SessionClient | undefined, onRunning: () => void): Promise<void> {
    if (exec.state !== "made") throw new ApiError(409, `exec instance ${exec.id} has already been started`);
    exec.state = "running";
    const ended = this.#follow(exec, client, onRunning);
    if (client === undefined) return ended;
    const left = Promise.withResolvers<void>();
    client.left.addEventListener("abort", () => left.resolve());
    if (client.left.aborted) left.resolve();
    await Promise.race([ended, left.promise]);
  }

  /** To its end, whether or not its client stays: what a client that has left does not take goes nowhere. */
  async #follow(exec: Exec, client: SessionClient | undefined, onRunning: () => void): Promise<void> {
    const { terminal, request } = exec;
    const streams = {
      input: client?.input,
      output: client?.output ?? nowhere(),
      errorOutput: client?.errorOutput ?? nowhere(),
      ...(terminal === undefined ? {} : { terminal }),
    };
    let end: AttachEnd;
    try {
      client?.begin();
      end = await this.#execution.exec(exec.containerId, { ...request, id: exec.id }, streams, {
        abort: this.#background.signal,
        // Who leaves is the client, and not we.
        detach: new AbortController().signal,
        onRunning: (_signal, pid) => {
          exec.pid = pid;
          onRunning();
        },
      });
    } catch (error) {
      exec.state = "ended";
      exec.exitCode = error instanceof TetherError ? error.entry.exitCode : toApiError(error).status;
      throw error;
    }
    exec.state = "ended";
    exec.exitCode = end.kind === "exited" ? end.status : undefined;
  }

  /** Lets go of all: their processes go on. */
  close(): void {
    this.#background.abort(new TetherError("internal", "the endpoint has ended"));
  }

  #makeRoom(): void {
    if (this.#execs.size < MOST_EXECS) return;
    const idle = [...this.#execs.values()].filter(({ state }) => state !== "running");
    const victim = idle.find(({ state }) => state === "ended") ?? idle[0];
    if (victim === undefined) throw new ApiError(503, `there are ${MOST_EXECS} execs at the same time`);
    this.#execs.delete(victim.id);
  }
}
