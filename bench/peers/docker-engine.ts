import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { z } from "zod";
import { type BenchHost, ROOT } from "../bench-host.ts";
import { DockerClient } from "./docker-client.ts";
import { refuseMissing, systemEnvironment } from "./find-missing.ts";

const run = promisify(execFile);

/** It needs some two seconds on a machine that is not busy. */
const START_LIMIT_MS = 60_000;
const POLL_MS = 50;

const IMAGE = "bench:latest";
const CONTAINER = "bench";

/** Debian's dockerd with one container that sleeps; its disposal leaves nothing. */
export interface DockerEngine extends AsyncDisposable {
  readonly version: string;
  /** Of the container. */
  readonly containerId: string;
  /** Talks with it as its API's clients do. */
  readonly client: DockerClient;
  /** `docker exec CONTAINER ARGS` as a command of its own. */
  execByCommand(args: readonly string[]): Promise<void>;
}

/**
 * Starts a dockerd of the bench's own, with the demo image in it, and a container that does nothing.
 *
 * @throws Error when one of its programs is not installed, or when it does not start.
 */
export async function startDockerEngine({ folder, signal }: BenchHost): Promise<DockerEngine> {
  refuseMissing({ dockerd: "docker.io", docker: "docker.io" });
  const home = join(folder, "docker");
  await mkdir(home);
  const socket = join(home, "sock");
  const daemon = spawnDaemon(home, socket);
  const stop = async (): Promise<void> => {
    await end(daemon);
    await unmountBelow(home);
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
  };
  const docker = async (...args: string[]): Promise<string> =>
    (
      await run("docker", ["-H", `unix://${socket}`, ...args], { env: systemEnvironment(), signal })
    ).stdout.trim();
  try {
    await waitForDaemon(daemon, docker, signal);
    await importDemoImage(docker);
    const command = ["run", "-d", "--network", "none", "--name", CONTAINER, IMAGE, "sleep", "1000000"];
    const containerId = await docker(...command);
    const client = new DockerClient(socket);
    return {
      version: await docker("version", "--format", "{{.Server.Version}}"),
      containerId,
      client,
      execByCommand: async (args) => void (await docker("exec", CONTAINER, ...args)),
      [Symbol.asyncDispose]: async () => {
        client.close();
        await docker("rm", "--force", CONTAINER).catch(() => "");
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
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
  docker: (...args: string[]) => Promise<string>,
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

/** `docker import` wants a file system's archive, which an image's only layer is. */
async function importDemoImage(docker: (...args: string[]) => Promise<string>): Promise<void> {
  const layout = join(ROOT, "build/demo-image");
  const read = async (path: string): Promise<string> => readFile(join(layout, path), "utf8");
  const { manifests } = indexSchema.parse(JSON.parse(await read("index.json")));
  const { layers } = manifestSchema.parse(JSON.parse(await read(blobOf(manifests[0]))));
  await docker("import", join(layout, blobOf(layers[0])), IMAGE);
}

const descriptorSchema = z.looseObject({ digest: z.string() });
const indexSchema = z.looseObject({ manifests: z.tuple([descriptorSchema]) });
const manifestSchema = z.looseObject({ layers: z.tuple([descriptorSchema]) });

function blobOf({ digest }: z.infer<typeof descriptorSchema>): string {
  return join("blobs", digest.replace(":", "/"));
}

async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = once(daemon, "exit");
  daemon.kill("SIGTERM");
  await ended;
}

/** What a container's end has left mounted would keep the folder from going. */
async function unmountBelow(folder: string): Promise<void> {
  const points = (await readFile("/proc/self/mounts", "utf8"))
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((point) => point.startsWith(`${folder}/`));
  for (const point of points.reverse()) await run("umount", ["-l", point], { env: systemEnvironment() });
}
