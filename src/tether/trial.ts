import { closeSync, cpSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeTrialNamespace, type Reaper, RUN_DIRECTORY } from "../init/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { type ContainerHandles, launch } from "../session/index.ts";
import type { ChildStatus, System } from "../system/system.ts";
import { AGENT_PATH } from "./crash-handling.ts";
import { STATE_FOLDER, STATE_VERSION } from "./state-store.ts";
import { TRIAL_OPTION } from "./trial-option.ts";

/** What the agent on trial has in place of /run. */
const TRIAL_RUN = `${RUN_DIRECTORY}/tether/trial`;

/** It takes seconds under emulation, with five others on each processor 30 s; the container goes on meanwhile. */
const TRIAL_LIMIT_MS = 120_000;

/** A line or two. */
const MOST_OUTPUT_BYTES = 4096;

const SIGKILL = 9;

/** Of the machine's processes this one goes first when memory runs out. */
const FIRST_TO_GO = 1000;

/** What a trial works with. */
export interface TrialParts {
  readonly system: System;
  readonly reaper: Pick<Reaper, "exitOf">;
  /** Path of `tether-exec`. */
  readonly launcher: string;
}

/**
 * Runs the agent of a mounted image as an ordinary process, with a copy of what this agent has kept: whether it
 * starts on this machine, and can read that.
 *
 * @throws TetherError `upgrade-failed` with what it says.
 */
export async function tryAgent(image: string, parts: TrialParts): Promise<void> {
  const { system } = parts;
  removeTrial();
  mkdirSync(TRIAL_RUN, { recursive: true, mode: 0o700 });
  try {
    cpSync(STATE_FOLDER, join(TRIAL_RUN, STATE_FOLDER.slice(RUN_DIRECTORY.length)), { recursive: true });
    const container = { ...makeTrialNamespace(system, image, TRIAL_RUN), cgroupProcesses: undefined };
    try {
      await runTrial(container, parts);
    } finally {
      closeSync(container.namespace);
      closeSync(container.root);
    }
  } finally {
    removeTrial();
  }
}

/** What a trial that was cut off has left. */
function removeTrial(): void {
  rmSync(TRIAL_RUN, { recursive: true, force: true });
}

async function runTrial(
  container: ContainerHandles,
  { system, reaper, launcher }: TrialParts,
): Promise<void> {
  const input = openSync("/dev/null", "r");
  const [output, theirs] = system.pipe();
  let exit: Promise<ChildStatus>;
  let executed: Promise<unknown>;
  let pid: number;
  try {
    const launched = launch(system, launcher, container, [input, theirs, theirs], {
      args: [AGENT_PATH, TRIAL_OPTION, String(STATE_VERSION)].map((word) => Buffer.from(word)),
      environment: [],
      workingDirectory: Buffer.from("/"),
      makeWorkingDirectory: false,
      user: { uid: 0, gid: 0, groups: [], home: "/" },
      tty: false,
      capabilities: "ALL",
      seccomp: false,
      resourceLimits: [],
      oomScoreAdjustment: FIRST_TO_GO,
    });
    pid = launched.pid;
    exit = reaper.exitOf(pid);
    executed = launched.executed.catch((error: unknown) => error);
  } finally {
    closeSync(input);
    closeSync(theirs);
  }
  let isOver = false;
  const limit = setTimeout(() => {
    isOver = true;
    system.kill(pid, SIGKILL);
  }, TRIAL_LIMIT_MS);
  const [failure, said, status] = await Promise.all([executed, readOutput(system, output), exit]);
  clearTimeout(limit);
  if (failure instanceof TetherError)
    throw new TetherError(
      "upgrade-failed",
      `the image has no agent that can be executed: ${failure.message}`,
    );
  if (isOver)
    throw new TetherError(
      "upgrade-failed",
      `the agent of the image was not ready after ${TRIAL_LIMIT_MS / 1000} s`,
    );
  if (status.code !== 0) throw explain(status, said);
}

async function readOutput(system: System, descriptor: number): Promise<string> {
  let output = Buffer.alloc(0);
  for await (const chunk of system.adoptStream(descriptor, "read"))
    output = Buffer.concat([output, chunk as Buffer]).subarray(-MOST_OUTPUT_BYTES);
  return output.toString("utf8").trim();
}

function explain({ code, signal }: ChildStatus, said: string): TetherError {
  const end = signal === undefined ? `status ${code}` : `signal ${signal}`;
  const reason = said.split("\n").at(-1) || end;
  return new TetherError("upgrade-failed", `the agent of the image cannot take over: ${reason}`);
}
