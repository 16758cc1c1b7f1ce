import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createReadStream, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGunzip } from "node:zlib";
import { ROOT } from "./vm-host.ts";
import { Watched } from "./vm-watched.ts";

/** Debian's, whatever else is called so on this machine. */
export const DOCKER = "/usr/bin/docker";
const DOCKERD = "/usr/sbin/dockerd";

/** The demo image, as `docker import` made it. */
export const IMPORTED_IMAGE = "demo";

/** The last capability that a kernel of Debian 12 knows, CAP_CHECKPOINT_RESTORE. */
const LAST_CAPABILITY = 40;

/** It ends within a second when nothing runs. */
const STOP_LIMIT_MS = 10_000;

/**
 * dockerd of Debian's package docker.io, in a folder, a mount namespace and a PID namespace of its own: whatever
 * it starts and mounts ends with it, and the machine's own Docker, if it has one, is not touched.
 */
export class Dockerd {
  readonly #folder = mkdtempSync(join(tmpdir(), "docker-test-"));
  #process: ChildProcess | undefined;

  /** The environment that makes a `docker` speak to this one. */
  environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      DOCKER_HOST: `unix://${this.#path("sock")}`,
      DOCKER_CONFIG: this.#path("config"),
    };
  }

  /** Resolves when it answers and has the demo image. */
  async start(): Promise<void> {
    const isolated = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    // A run of tests that is ended from outside takes it with it.
    const words = ["--pdeathsig", "KILL", "unshare", ...isolated, "sh", "-c", PREPARE, DOCKERD];
    const child = spawn("setpriv", [...words, ...this.#arguments()], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#process = child;
    await new Watched(child.stderr).expect(/API listen on /);
    await this.#importImage();
  }

  /** Ends it and all its containers; nothing is left. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const closed = new Promise((resolve) => child.once("exit", resolve));
      // Removed by itself, their cgroups go with them; and it need not wait until they have ended.
      const ids = (await this.#call("ps", "-aq")).split("\n").filter(Boolean);
      if (ids.length > 0) await this.#call("rm", "-f", ...ids);
      const end = (signal: NodeJS.Signals): void => {
        // The first process of a PID namespace takes its whole namespace with it.
        for (const pid of childrenOf(child.pid ?? 0)) process.kill(pid, signal);
      };
      const limit = setTimeout(() => end("SIGKILL"), STOP_LIMIT_MS);
      end("SIGTERM");
      await closed;
      clearTimeout(limit);
    }
    rmSync(this.#folder, { recursive: true, maxRetries: 3 });
  }

  async #call(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(DOCKER, args, { env: this.environment() });
    return stdout;
  }

  #arguments(): string[] {
    const places = ["--data-root", this.#path("root"), "--exec-root", this.#path("exec")];
    const missing = missingCapabilities();
    return [
      ...[...places, "--pidfile", this.#path("pid"), "-H", `unix://${this.#path("sock")}`],
      ...["--iptables=false", "--bridge=none", "--storage-driver=vfs"],
      ...(missing.length === 0 ? [] : this.#boundedRuntime(missing)),
    ];
  }

  /**
   * A runc that leaves out the capabilities that this machine's root lacks: it would refuse to start a privileged
   * container for their sake.
   */
  #boundedRuntime(missing: readonly string[]): string[] {
    const path = this.#path("runc");
    const edits = missing.map((name) => `-e 's/"${name}",//g;s/,"${name}"//g'`).join(" ");
    writeFileSync(path, BOUNDED_RUNC.replace("EDITS", edits), { mode: 0o755 });
    return ["--add-runtime", `bounded=${path}`, "--default-runtime", "bounded"];
  }

  async #importImage(): Promise<void> {
    const { layer, changes } = readDemoImage();
    const child = spawn(
      DOCKER,
      ["import", ...changes.flatMap((change) => ["-c", change]), "-", IMPORTED_IMAGE],
      {
        env: this.environment(),
        stdio: ["pipe", "ignore", "inherit"],
      },
    );
    const ended = new Promise((resolve) => child.once("close", resolve));
    await pipeline(createReadStream(layer), createGunzip(), child.stdin);
    assert.equal(await ended, 0, "docker import");
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

/** A dockerd for the tests of the surrounding `describe`; without root they are skipped. */
export function useDockerd(): Dockerd {
  const dockerd = new Dockerd();
  before(async function () {
    if (process.getuid?.() !== 0) this.skip();
    await dockerd.start();
  });
  after(() => dockerd.stop());
  return dockerd;
}

/**
 * The names of the capabilities that no process of this machine can have.
 *
 * Only CAP_SYS_RESOURCE is known to be withheld anywhere; another one is a machine to look at first.
 */
export function missingCapabilities(): string[] {
  const bounding = BigInt(
    `0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`,
  );
  const missing = Array.from({ length: LAST_CAPABILITY + 1 }, (_, bit) => bit).filter(
    (bit) => ((bounding >> BigInt(bit)) & 1n) === 0n,
  );
  for (const bit of missing) assert.equal(bit, SYS_RESOURCE, `this machine withholds capability ${bit}`);
  return missing.map(() => "CAP_SYS_RESOURCE");
}

/** The number of CAP_SYS_RESOURCE, capabilities(7). */
const SYS_RESOURCE = 24;

/** dockerd writes a key and sockets of plugins where the machine's own has them. */
const PREPARE = `
for folder in /etc/docker /run/docker; do mkdir -p $folder && mount -t tmpfs none $folder || exit; done
exec "$0" "$@"`;

/** Both ways in which runc is told of capabilities: the bundle of \`create\` and the file of \`exec\`. */
const BOUNDED_RUNC = `#!/bin/sh
edit() { sed -i EDITS "$1"; }
previous=
for word; do
  case $previous in
    --bundle) edit "$word/config.json" ;;
    --process) edit "$word" ;;
  esac
  previous=$word
done
exec runc "$@"
`;

/** The demo image's one layer, and its configuration as lines of a Dockerfile. */
function readDemoImage(): { readonly layer: string; readonly changes: readonly string[] } {
  const blob = (digest: string): string => join(ROOT, "build/demo-image/blobs", digest.replace(":", "/"));
  const read = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
  const index = read(join(ROOT, "build/demo-image/index.json")) as { manifests: [{ digest: string }] };
  const manifest = read(blob(index.manifests[0].digest)) as {
    config: { digest: string };
    layers: [{ digest: string }];
  };
  const { config } = read(blob(manifest.config.digest)) as {
    config: { Env: string[]; Cmd: string[]; WorkingDir: string };
  };
  return {
    layer: blob(manifest.layers[0].digest),
    changes: [
      ...config.Env.map((variable) => `ENV ${variable}`),
      `CMD ${JSON.stringify(config.Cmd)}`,
      `WORKDIR ${config.WorkingDir}`,
    ],
  };
}

function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => parentOf(candidate) === pid);
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}
