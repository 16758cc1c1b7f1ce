import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { type BenchHost, ROOT } from "../bench-host.ts";
import { type DockerDaemon, dockerOf, endDaemon, removeContainers } from "../peers/docker-daemon.ts";

/** What a daemon says when it listens. */
const READY = /^export DOCKER_HOST=/;

/**
 * Starts `vch serve` over the bench's state folder, which keeps its templates and images from figure to figure.
 *
 * @param words more options of it.
 * @throws Error when it ends before it listens.
 */
export async function startEndpoint(
  { folder, state, signal }: BenchHost,
  words: readonly string[] = [],
): Promise<DockerDaemon> {
  const socket = join(folder, "vch.sock");
  const daemon = spawn(join(ROOT, "bin/vch"), ["serve", "-H", `unix://${socket}`, ...words], {
    env: { ...process.env, VCH_STATE: state.root },
    stdio: ["ignore", "pipe", "ignore"],
    // ^C is for the bench, which ends it behind the containers.
    detached: true,
  });
  const ready = new Promise<void>((resolve, reject) => {
    daemon.once("error", reject);
    daemon.once("exit", (code) => reject(new Error(`vch serve ended with ${code}`)));
    createInterface(daemon.stdout).on("line", (line) => {
      if (READY.test(line)) resolve();
    });
  });
  await ready;
  const docker = dockerOf(socket, signal);
  return {
    ...{ socket, pid: daemon.pid ?? 0, docker },
    [Symbol.asyncDispose]: async () => {
      await removeContainers(docker);
      await endDaemon(daemon);
    },
  };
}
