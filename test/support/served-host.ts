import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { promisify } from "node:util";
import { DOCKER } from "./dockerd.ts";
import { hear, type Said } from "./said.ts";
import { type Call, DEMO_IMAGE, useHost, type VmHost } from "./vm-host.ts";

const execute = promisify(execFile);

/** How a client is called. */
interface ClientOptions {
  /** Variables beside those that lead to the endpoint. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly directory?: string;
}

/** A `vch serve` and what leads other people's clients to it. */
export class ServedHost {
  readonly #host: VmHost;
  #endpoint: Call | undefined;

  /** @param host on which it serves. */
  constructor(host: VmHost) {
    this.#host = host;
  }

  /** Resolves when it serves. */
  async start(): Promise<void> {
    // No settings of the user's who runs the tests.
    mkdirSync(this.#host.file("config"), { recursive: true });
    this.#endpoint = this.#host.start(["serve", "-H", `unix://${this.socket}`]);
    await this.#endpoint.stdout.expect(/^export DOCKER_HOST=/);
  }

  /** Removes all containers, which would go on, and resolves when it has ended, as asked to. */
  async stop(): Promise<void> {
    const ids = (await this.done("ps", "-aq")).split("\n").filter(Boolean);
    if (ids.length > 0) await this.done("rm", "-f", ...ids);
    await this.end();
  }

  /** Resolves when it has ended, as asked to; containers go on. */
  async end(): Promise<void> {
    this.#endpoint?.process.kill("SIGTERM");
    const ended = await this.#endpoint?.finished;
    assert.equal(ended?.status ?? 0, 0, ended?.stderr.toString("utf8"));
  }

  /** Where it listens. */
  get socket(): string {
    return this.#host.file("sock");
  }

  /** A path for a test's own files. */
  file(...parts: string[]): string {
    return this.#host.file(...parts);
  }

  /** The variables that every client of Docker's knows. */
  environment(): NodeJS.ProcessEnv {
    return {
      ...this.#host.environment(),
      DOCKER_HOST: `unix://${this.socket}`,
      DOCKER_CONFIG: this.#host.file("config"),
    };
  }

  /** Loads an image that skopeo can read, by a name of its own. */
  async load(image: string, name: string): Promise<void> {
    const archive = this.#host.file("image.tar");
    const target = `docker-archive:${archive}:${name}`;
    await execute("skopeo", ["--insecure-policy", "copy", "-q", image, target]);
    await this.done("load", "-q", "-i", archive);
    rmSync(archive);
  }

  /** Runs a client to its end. */
  call(
    program: string,
    words: readonly string[],
    { environment, directory }: ClientOptions = {},
  ): Promise<Said> {
    const child = spawn(program, words, {
      env: { ...this.environment(), ...environment },
      cwd: directory ?? this.#host.folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    return hear(child);
  }

  /** Runs a `docker` command that has to succeed. @returns what it printed. */
  async done(...words: string[]): Promise<string> {
    const { status, out, err } = await this.call(DOCKER, words);
    assert.equal(status, 0, `docker ${words.join(" ")}: ${err}`);
    return out.trim();
  }
}

/** A `vch serve` for the tests of the surrounding `describe`, with the demo image as `demo:1`. */
export function useServedHost(): ServedHost {
  // First of all, and so ended first as well, whatever the host finds left.
  after(() => served.stop());
  const served = new ServedHost(useHost());
  before(async () => {
    await served.start();
    await served.load(DEMO_IMAGE, "demo:1");
  });
  return served;
}
