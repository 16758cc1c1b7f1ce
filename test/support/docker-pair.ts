import { spawn } from "node:child_process";
import { DOCKER, type Dockerd, IMPORTED_IMAGE, useDockerd } from "./dockerd.ts";
import { hear, type Said } from "./said.ts";
import { DEMO_IMAGE, VCH, type VmHost, useHost } from "./vm-host.ts";

/** What both said to the same words. */
export interface Both {
  readonly docker: Said;
  readonly vch: Said;
}

/** Stands for the demo image in a command's words. */
export const IMAGE = "IMAGE";

/** All of a command's standard input; undefined: /dev/null. */
interface Input {
  readonly input?: string | undefined;
}

const SIDES = ["docker", "vch"] as const;

/** One of the two that are compared. */
export type Side = (typeof SIDES)[number];

/** Docker's engine and container VMs, to which the same commands are given. */
export class DockerPair {
  readonly host: VmHost;
  readonly #dockerd: Dockerd;

  constructor(host: VmHost, dockerd: Dockerd) {
    this.host = host;
    this.#dockerd = dockerd;
  }

  /** Runs a command on both sides, one after the other: times that one takes are not the other's. */
  async both(words: readonly string[], input: Input = {}): Promise<Both> {
    const docker = await this.call("docker", words, input);
    return { docker, vch: await this.call("vch", words, input) };
  }

  /** Runs a command on both sides that has to succeed; the names of containers it makes are then on both. */
  async prepare(...words: string[]): Promise<void> {
    const said = await this.both(words);
    for (const side of SIDES) {
      const { status, err } = said[side];
      if (status !== 0) throw new Error(`${side} ${words.join(" ")} ended with ${status}: ${err}`);
    }
  }

  /** Runs a command on one side, to its end. */
  call(side: Side, words: readonly string[], { input }: Input = {}): Promise<Said> {
    const { program, args, environment } = this.command(side, words);
    const child = spawn(program, args, {
      env: environment,
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    child.stdin?.on("error", () => {
      // A command that ends before it has read everything breaks the pipe.
    });
    child.stdin?.end(input);
    return hear(child);
  }

  /** How the command is called on one side. */
  command(
    side: Side,
    words: readonly string[],
  ): { readonly program: string; readonly args: string[]; readonly environment: NodeJS.ProcessEnv } {
    if (side === "vch") {
      const args = words.map((word) => (word === IMAGE ? DEMO_IMAGE : word));
      return { program: VCH, args, environment: this.host.environment() };
    }
    const [verb = "", ...rest] = words.map((word) => (word === IMAGE ? IMPORTED_IMAGE : word));
    // The engine has no bridge to put a container on; a container VM has only its loopback as well.
    const network = verb === "run" || verb === "create" ? ["--network", "none"] : [];
    return { program: DOCKER, args: [verb, ...network, ...rest], environment: this.#dockerd.environment() };
  }
}

/** Both sides for the tests of the surrounding `describe`. */
export function useDockerPair(): DockerPair {
  // First of all, and so ended first as well, whatever the host finds left.
  const dockerd = useDockerd();
  return new DockerPair(useHost(), dockerd);
}
