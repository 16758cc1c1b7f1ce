import { agent, type AgentFacts } from "./collectors/agent.ts";
import type { Collector, StatsFolders } from "./collectors/collector.ts";
import { containerCpu } from "./collectors/container-cpu.ts";
import { containerIo } from "./collectors/container-io.ts";
import { containerMemory } from "./collectors/container-memory.ts";
import { containerPids } from "./collectors/container-pids.ts";
import { containerPressure } from "./collectors/container-pressure.ts";
import { disks } from "./collectors/disks.ts";
import { fileSystems } from "./collectors/file-systems.ts";
import { machineCpu } from "./collectors/machine-cpu.ts";
import { machineMemory } from "./collectors/machine-memory.ts";
import { machineSystem } from "./collectors/machine-system.ts";
import { network } from "./collectors/network.ts";
import type { Reading } from "./encoding/sample-encoder.ts";
import { type MessageShape, type SampleShape, sampleShape } from "./encoding/shape.ts";
import type { FileSystemStatus } from "./reading/file-system-status.ts";
import { type FileSource, KernelFiles } from "./reading/kernel-files.ts";
import type { CounterBases } from "./values/counters.ts";
import { Values } from "./values/values.ts";

/** What statistics are made from beside the kernel's files. */
export interface StatisticsSources {
  readonly files: FileSource;
  readonly folders: StatsFolders;
  /** The container's file systems as they are at the moment. */
  readonly fileSystems: () => readonly FileSystemStatus[];
  /** How often the agent has been started again; undefined: what only the agent knows of itself is not known. */
  readonly restarts: number | undefined;
  /** How far the wall clock was off when the host last told the time, in microseconds. */
  readonly clockOffsetUs: () => number | undefined;
  /** Keeps what an agent that takes over has to add to the kernel's counters. */
  readonly counters: CounterMemory;
}

/** Where counters are kept over a crash. */
export interface CounterMemory {
  read(): CounterBases | undefined;
  write(bases: CounterBases): void;
}

/**
 * Reads the kernel: every group in one go. Nothing is executed for it, a file that is missing is no error, and each file
 * that is as it was costs a comparison.
 */
export class KernelStatistics {
  readonly #files: KernelFiles;
  readonly #collectors: readonly Collector[];
  readonly #values: Values;
  readonly #counters: CounterMemory;
  #messages: ReadonlyArray<readonly MessageShape[]> = [];
  #shape: SampleShape | undefined;
  #samplingUs: number | undefined;
  #eventLoopDelayUs = 0;

  constructor({ folders, restarts, counters, clockOffsetUs, ...sources }: StatisticsSources) {
    this.#counters = counters;
    this.#values = new Values(counters.read());
    const parts = { values: this.#values, folders };
    this.#collectors = [
      ...[containerCpu(parts), containerMemory(parts), containerIo(parts), containerPids(parts)],
      ...[containerPressure(parts), machineCpu(parts), machineMemory(parts)],
      ...[machineSystem(parts, clockOffsetUs), network(parts), disks(parts)],
      fileSystems(parts, sources.fileSystems),
      agent(parts, restarts === undefined ? {} : this.#agentFacts(restarts)),
    ];
    this.#files = new KernelFiles(sources.files, this.#values);
    this.#files.add(...this.#collectors.flatMap(({ files }) => files));
  }

  /** Reads everything. */
  read(): Reading {
    const began = performance.now();
    for (const collector of this.#collectors) collector.refresh?.();
    const [monotonicUs = 0, wallUs = 0] = this.#files.read();
    const shape = this.#currentShape();
    const bases = this.#values.takeChangedBases();
    if (bases !== undefined) this.#counters.write(bases);
    const values = this.#values.copy();
    this.#samplingUs = Math.round((performance.now() - began) * 1000);
    return { monotonicUs, wallUs, shape, values };
  }

  /** Of all files that are read. */
  get paths(): string[] {
    return this.#files.paths;
  }

  /** A timer was so late, in milliseconds. */
  noteDelay(lateMs: number): void {
    this.#eventLoopDelayUs = Math.max(this.#eventLoopDelayUs, Math.round(lateMs * 1000));
  }

  /** Closes the files; no reading may follow. */
  close(): void {
    this.#files.close();
  }

  #agentFacts(restarts: number): AgentFacts {
    return {
      restarts,
      samplingUs: () => this.#samplingUs,
      takeEventLoopDelayUs: () => this.#takeEventLoopDelay(),
    };
  }

  #takeEventLoopDelay(): number {
    const delay = this.#eventLoopDelayUs;
    this.#eventLoopDelayUs = 0;
    return delay;
  }

  /** The one before, unless something has come or gone. */
  #currentShape(): SampleShape {
    const messages = this.#collectors.map((collector) => collector.messages());
    const isSame = messages.every((each, index) => each === this.#messages[index]);
    if (this.#shape !== undefined && isSame) return this.#shape;
    this.#messages = messages;
    const entries = this.#collectors.flatMap(({ group }, index) =>
      (messages[index] ?? []).map((message) => ({ group, message })),
    );
    this.#shape = sampleShape(entries);
    return this.#shape;
  }
}
