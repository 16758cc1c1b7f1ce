import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { TetherError } from "../../protocol/errors/index.ts";
import { QEMU_LOG, START_SOCKET } from "./command-line.ts";
import { orAborted } from "./or-aborted.ts";
import { identifyProcess, type ProcessIdentity } from "./process-identity.ts";
import { QmpClient } from "./qmp-client.ts";
import { listenInFolder } from "./unix-socket.ts";

/** The number of the first descriptor that is passed on: behind the standard ones. */
export const FIRST_DESCRIPTOR = 3;

/** QEMU's complaints are a few lines. */
const MAX_COMPLAINT_BYTES = 16 * 1024;

/** QEMU's process ends some milliseconds behind its connections. */
const END_GRACE_MS = 1000;

/** A QEMU that runs and answers. */
export interface QemuProcess {
  readonly identity: ProcessIdentity;
  readonly qmp: QmpClient;
  /** Resolves when the process has ended. */
  readonly exited: Promise<void>;
}

/** How a QEMU is started. */
export interface QemuLaunch {
  readonly command: readonly [string, ...string[]];
  /** Where it leaves its complaints. */
  readonly folder: string;
  /** Its working directory, where its sockets are. */
  readonly room: string;
  /** Beside what each program here has. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** How large any file may become that it writes; beyond, the kernel refuses the write (EFBIG) and, where the main thread has tried, ends it (SIGXFSZ). */
  readonly fileLimitBytes?: number | undefined;
  /** Are passed on as descriptors 3, 4 and so on. */
  readonly descriptors?: readonly (number | Socket)[];
  /** Is told the process before it can answer. */
  readonly onSpawned?: (identity: ProcessIdentity) => void;
  /** Works with the process until it is ready; when it fails the process is killed. */
  readonly prepare?: (process: QemuProcess) => Promise<void>;
}

/**
 * Starts QEMU in a session of its own: it goes on when its starter ends, and a terminal's ^C is not for it.
 *
 * @throws TetherError `tool-missing`, `hypervisor-failed` with QEMU's own words; the process is gone then.
 */
export async function startQemu(launch: QemuLaunch): Promise<QemuProcess> {
  const { room } = launch;
  const server = createServer();
  // A starter that was killed has left its own.
  rmSync(join(room, START_SOCKET), { force: true });
  await listenInFolder(server, room, START_SOCKET);
  try {
    return await startCalling(launch, awaitCall(server));
  } finally {
    server.close();
    rmSync(join(room, START_SOCKET), { force: true });
  }
}

async function startCalling(launch: QemuLaunch, call: Promise<Socket>): Promise<QemuProcess> {
  const { folder, signal, prepare } = launch;
  const child = spawnQemu(launch);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  try {
    const spawned = identifyProcess(child.pid ?? 0);
    if (spawned !== undefined) launch.onSpawned?.(spawned);
    const end = awaitEarlyEnd(child, folder);
    if (launch.fileLimitBytes !== undefined && spawned !== undefined)
      await orAborted(Promise.race([limitFiles(spawned, launch.fileLimitBytes), end]), signal);
    const qmp = new QmpClient(await orAborted(Promise.race([call, end]), signal));
    const identity = identifyProcess(child.pid ?? 0);
    if (identity === undefined)
      throw new TetherError("hypervisor-failed", "QEMU ended as soon as it had started");
    const process = { identity, exited, qmp };
    await orAborted(orEnded(qmp.execute("qmp_capabilities"), qmp, end), signal);
    if (prepare !== undefined) await orAborted(orEnded(prepare(process), qmp, end), signal);
    return process;
  } catch (error) {
    // A program that could not be started has no exit to wait for.
    if (child.pid !== undefined) {
      child.kill("SIGKILL");
      await exited;
    }
    // Nobody listens to a call that came when the start had been given up.
    void call.then((socket) => socket.destroy());
    throw error;
  }
}

/** A QEMU that ends meanwhile says why in its log; its connection, which ends first, only that it did. */
async function orEnded<T>(work: Promise<T>, qmp: QmpClient, end: Promise<never>): Promise<T> {
  try {
    return await Promise.race([work, end]);
  } catch (error) {
    if (qmp.isClosed) await Promise.race([end, once(AbortSignal.timeout(END_GRACE_MS), "abort")]);
    throw error;
  }
}

/** prlimit(2), which Node lacks: before QEMU answers, and so before its guest runs. */
async function limitFiles({ pid }: ProcessIdentity, bytes: number): Promise<void> {
  try {
    await promisify(execFile)("prlimit", ["--pid", String(pid), `--fsize=${bytes}`]);
  } catch (error) {
    throw TetherError.from(error, "hypervisor-failed", "limiting the files of the container VM (prlimit)");
  }
}

function spawnQemu({ command, folder, room, environment, descriptors = [] }: QemuLaunch): ChildProcess {
  const log = openSync(join(folder, QEMU_LOG), "a", 0o600);
  try {
    const [program, ...args] = command;
    return spawn(program, args, {
      cwd: room,
      detached: true,
      stdio: ["ignore", log, log, ...descriptors],
      env: { ...environment, PATH: process.env["PATH"] },
    });
  } finally {
    closeSync(log);
  }
}

/** QEMU calls when everything of it listens. */
function awaitCall(server: Server): Promise<Socket> {
  return new Promise((resolve) => {
    server.once("connection", (socket) => {
      // It may end before anybody listens to it.
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

/** Rejects when the process ends. */
function awaitEarlyEnd(child: ChildProcess, folder: string): Promise<never> {
  const end = Promise.withResolvers<never>();
  // Later there is nobody to tell.
  end.promise.catch(() => {});
  child.once("error", (error: NodeJS.ErrnoException) => end.reject(explainSpawn(error, child.spawnfile)));
  child.once("exit", (_code, killer) => {
    const reason = killer === null ? lastLine(readComplaint(folder)) : `ended by ${killer}`;
    end.reject(new TetherError("hypervisor-failed", `QEMU could not start the container VM: ${reason}`));
  });
  return end.promise;
}

function explainSpawn(error: NodeJS.ErrnoException, program: string): TetherError {
  return error.code === "ENOENT"
    ? new TetherError("tool-missing", `${program} is not installed: apt-get install qemu-system-x86`)
    : TetherError.from(error, "hypervisor-failed", `starting ${program}`);
}

function readComplaint(folder: string): string {
  try {
    return readFileSync(join(folder, QEMU_LOG)).subarray(-MAX_COMPLAINT_BYTES).toString("utf8");
  } catch {
    // A container that ended long after its start may be gone with all it had: nobody asks for the reason any more.
    return "";
  }
}

/** The last line that says something, without the program's name. */
function lastLine(complaint: string): string {
  const lines = complaint.split("\n").filter((line) => line.trim() !== "");
  return (lines.at(-1) ?? "it gave no reason").replace(/^\S*qemu-system-\S+?:\s*/, "");
}
