import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { BenchHost } from "../bench-host.ts";
import { refuseMissing, systemEnvironment } from "./find-missing.ts";

const run = promisify(execFile);

/** It needs some two seconds on a machine that is not busy. */
const START_LIMIT_MS = 60_000;
const POLL_MS = 50;

/** Something that serves Docker's API on a Unix socket; its disposal leaves nothing. */
export interface DockerDaemon extends AsyncDisposable {
  readonly socket: string;
  /** The daemon's own process. */
  readonly pid: number;
  /** Runs the command `docker` with it. @returns what it prints, without the newline at its end. */
  readonly docker: (...args: readonly string[]) => Promise<string>;
}

/**
 * Starts Debian's dockerd, without an image.
 *
 * @throws Error when one of its programs is not installed, or when it does not start.
 */
export async function startDockerd({ folder, signal }: BenchHost): Promise<DockerDaemon> {
  refuseMissing({ dockerd: "docker.io", docker: "docker.io" });
  const home = join(folder, "docker");
  await mkdir(home);
  const socket = join(home, "sock");
  const daemon = spawnDaemon(home, socket);
  const docker = dockerOf(socket, signal);
  const stop = async (): Promise<void> => {
    await endDaemon(daemon);
    await unmountBelow(home);
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await waitForDaemon(daemon, docker, signal);
    return {
      ...{ socket, pid: daemon.pid ?? 0, docker },
      [Symbol.asyncDispose]: async () => {
        await removeContainers(docker);
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The command `docker` with the daemon of a socket. */
export function dockerOf(socket: string, signal: AbortSignal): DockerDaemon["docker"] {
  return async (...args) => {
    const words = ["-H", `unix://${socket}`, ...args];
    return (await run("docker", words, { env: systemEnvironment(), signal })).stdout.trim();
  };
}

/** Whatever a figure has left there. An interrupted bench cannot ask any more: the daemon's end has to do. */
export async function removeContainers(docker: DockerDaemon["docker"]): Promise<void> {
  try {
    const ids = (await docker("ps", "-aq")).split("\n").filter(Boolean);
    if (ids.length > 0) await docker("rm", "--force", ...ids);
  } catch {
    // What keeps the folder from going is told when it is removed.
  }
}

/** Asks a daemon to end, and waits until it has. */
export async function endDaemon(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = once(daemon, "exit");
  daemon.kill("SIGTERM");
  await ended;
}

/** Without networks, which would change the machine's own. */
function spawnDaemon(home: string, socket: string): ChildProcess {
  const file = (name: string): string => join(home, name);
  const places = ["--data-root", file("root"), "--exec-root", file("exec"), "--pidfile", file("pid")];
  const network = ["--iptables=false", "--ip6tables=false", "--bridge=none"];
  return spawn("dockerd", [...places, "-H", `unix://${socket}`, ...network, "--storage-driver=vfs"], {
    env: systemEnvironment(),
    stdio: "ignore",
    // ^C is for the bench, which ends its daemon behind the container.
    detached: true,
  });
}

async function waitForDaemon(
  daemon: ChildProcess,
  docker: DockerDaemon["docker"],
  signal: AbortSignal,
): Promise<void> {
  const limit = Date.now() + START_LIMIT_MS;
  for (;;) {
    signal.throwIfAborted();
    if (daemon.exitCode !== null) throw new Error(`dockerd ended with ${daemon.exitCode}: is this root?`);
    try {
      await docker("version");
      return;
    } catch (error) {
      if (Date.now() > limit) throw error;
      await delay(POLL_MS);
    }
  }
}

/** What a container's end has left mounted would keep the folder from going. */
async function unmountBelow(folder: string): Promise<void> {
  const points = (await readFile("/proc/self/mounts", "utf8"))
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((point) => point.startsWith(`${folder}/`));
  for (const point of points.reverse()) await run("umount", ["-l", point], { env: systemEnvironment() });
}
