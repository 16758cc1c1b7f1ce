import { readFileSync, writeSync } from "node:fs";
import type { Stage } from "../protocol/control-messages.ts";

/**
 * The start-up's stages: each is a line on the console, and a time for `vch run -v` and the benchmark.
 */
export class Stages {
  readonly #stages: Stage[] = [];
  readonly #console: number;
  #startMs = 0;
  #listener: ((stage: string) => void) | undefined;

  /** @param console descriptor that lines go to. */
  constructor(console: number) {
    this.#console = console;
  }

  get all(): readonly Stage[] {
    return this.#stages;
  }

  /** The VM has been forked from a template: its start is now, and what the template did is not its own. */
  restart(): void {
    this.#stages.length = 0;
    this.#startMs = uptimeMs();
    this.reached("forked");
  }

  /** The agent has reached a stage. */
  reached(name: string): void {
    this.#stages.push({ name, atMs: uptimeMs() - this.#startMs });
    this.#print(name);
    this.#listener?.(name);
  }

  /** From now on this one is told of each stage. */
  listen(listener: (stage: string) => void): void {
    this.#listener = listener;
  }

  /** A time that was taken before this object was there. */
  wasReached(name: string, atMs: number): void {
    this.#stages.push({ name, atMs });
  }

  /** One line that names what failed. */
  failed(message: string): void {
    this.#print(`error: ${message}`);
  }

  /** A console that cannot be written (a serial line without a peer) must not stop a container. */
  #print(text: string): void {
    try {
      writeSync(this.#console, `tether: ${text}\n`);
    } catch {
      // There is no other place to report it.
    }
  }
}

/** Milliseconds since the kernel started (proc(5), /proc/uptime has hundredths). */
function uptimeMs(): number {
  return Math.round(Number.parseFloat(readFileSync("/proc/uptime", "utf8")) * 1000);
}
