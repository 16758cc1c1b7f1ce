import { CGROUP_ROOT, AGENT_CGROUP, CONTAINER_CGROUP, CONTAINER_ROOT, SavedState } from "../../init/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import type { History } from "../../stats/history/history.ts";
import type { StatisticsRecording } from "../../stats/history/recording.ts";
import type { CounterMemory, FileSystemPlace, KernelStatistics, StatsFolders } from "../../stats/index.ts";
import type { FileBatch, System } from "../../system/system.ts";
import { STATE_FOLDER } from "../state-store.ts";
import type { ServedStatistics } from "./statistics-channel.ts";

/** What an agent that takes over goes on with. */
interface SavedStatistics {
  readonly restarts: number;
  /** The descriptor of what was recorded, which stays open. */
  readonly ring?: number;
  readonly counters?: ReturnType<CounterMemory["read"]>;
}

/** What the statistics need of the agent. */
export interface StatisticsParts {
  readonly system: Pick<System, "readFiles" | "makeRing" | "openRecorder" | "keepDescriptor">;
  /** The container's volumes as they are at the moment. */
  readonly volumes: () => readonly FileSystemPlace[];
  /** Is told why nothing can be recorded. */
  readonly report: (error: unknown) => void;
  readonly folders?: StatsFolders;
  /** In memory. */
  readonly stateFolder?: string;
}

const FOLDERS: StatsFolders = {
  container: `${CGROUP_ROOT}/${CONTAINER_CGROUP}`,
  tether: `${CGROUP_ROOT}/${AGENT_CGROUP}`,
  proc: "/proc",
  sys: "/sys",
};

/**
 * How long after the process's start the recording begins: what most short commands are done in, so that neither they
 * nor any start pay for it.
 */
const RECORDING_DELAY_MS = 1000;

/** Of somebody who reads for nobody. */
const NO_MEMORY: CounterMemory = { read: () => undefined, write: () => {} };

/** Each costs a few KiB at most; somebody who opens more wants something else than statistics. */
const MOST_SUBSCRIBERS = 256;

/**
 * The statistics of this VM: recorded by the addon from a second after the process's start on, made into samples when
 * somebody wants them.
 */
export class AgentStatistics {
  readonly #parts: StatisticsParts;
  readonly #state: SavedState<SavedStatistics>;
  #saved: SavedStatistics = { restarts: 0 };
  #clockOffsetUs: number | undefined;
  #opened: Promise<ServedStatistics> | undefined;
  /** What is recorded; undefined: it was not asked for yet. */
  #files: readonly string[] | undefined;
  #recording: StatisticsRecording | undefined;
  #hasEnded = false;
  #subscribers = 0;

  constructor(parts: StatisticsParts) {
    this.#parts = parts;
    this.#state = new SavedState(parts.stateFolder ?? STATE_FOLDER, "statistics");
  }

  /** This agent takes over from another one. */
  resume(): void {
    const saved = this.#state.read() ?? { restarts: 0 };
    this.#save({ ...saved, restarts: saved.restarts + 1 });
  }

  /** What stays open for an agent that takes over. */
  get descriptors(): number[] {
    return this.#saved.ring === undefined ? [] : [this.#saved.ring];
  }

  /** The host has told the time. @param milliseconds how far the clock was off; below zero: it was slow. */
  clockWasOff(milliseconds: number): void {
    this.#clockOffsetUs = milliseconds * 1000;
  }

  /**
   * Reads the kernel once before the fork, for nobody: a fork finds the code in its memory. Else its first reading, a
   * second after its start, keeps everything else waiting for 400 ms under TCG.
   */
  async rehearse(): Promise<void> {
    const { ALL_GROUPS, Sampler } = await import("../../stats/index.ts");
    const kernel = await this.#kernelStatistics(NO_MEMORY);
    new Sampler(kernel).sample(ALL_GROUPS);
    this.#files = kernel.paths;
    kernel.close();
  }

  /** The process has been started: the recording begins soon. */
  begin(delayMs = RECORDING_DELAY_MS): void {
    setTimeout(() => void this.#record().catch(this.#parts.report), delayMs).unref();
  }

  /** Nothing of the container's file systems is in use meanwhile: they can be unmounted. */
  async besides<Result>(change: () => Promise<Result>): Promise<Result> {
    if (this.#recording === undefined) return change();
    this.#recording.close();
    try {
      return await change();
    } finally {
      await this.#record();
    }
  }

  /** The VM is about to end. */
  close(): void {
    this.#hasEnded = true;
    this.#recording?.close();
  }

  /** What clients are served with. */
  open(): Promise<ServedStatistics> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  async #open(): Promise<ServedStatistics> {
    const { Sampler } = await import("../../stats/index.ts");
    const kernel = await this.#kernelStatistics({
      read: () => this.#saved.counters,
      write: (counters) => this.#save({ ...this.#saved, counters }),
    });
    return {
      sampler: new Sampler(kernel),
      history: () => this.#history(),
      facts: () => this.#facts(),
      addSubscriber: () => this.#addSubscriber(),
    };
  }

  async #kernelStatistics(counters: CounterMemory): Promise<KernelStatistics> {
    const { fileSystemAsker, KernelStatistics, kernelFileSource } = await import("../../stats/index.ts");
    const { system, folders = FOLDERS } = this.#parts;
    const readFiles = (batch: FileBatch): number => (this.#recording ?? system).readFiles(batch);
    return new KernelStatistics({
      ...{ files: kernelFileSource({ readFiles }), folders, restarts: this.#saved.restarts, counters },
      fileSystems: fileSystemAsker(() => this.#places()),
      clockOffsetUs: () => this.#clockOffsetUs,
    });
  }

  async #history(): Promise<History> {
    await this.#record();
    const { History } = await import("../../stats/history/history.ts");
    return new History({ read: () => this.#recording?.read() ?? Buffer.alloc(0) });
  }

  /** Code that is seldom asked for. */
  async #facts(): Promise<Buffer> {
    const { readFacts } = await import("../../stats/facts/read-facts.ts");
    const { encodeFacts } = await import("./facts-message.ts");
    return encodeFacts(readFacts(this.#parts.folders ?? FOLDERS, this.#places()));
  }

  async #record(): Promise<void> {
    const { StatisticsRecording } = await import("../../stats/history/recording.ts");
    const { system, folders = FOLDERS } = this.#parts;
    this.#files ??= (await this.#kernelStatistics(NO_MEMORY)).paths;
    if (this.#hasEnded) return;
    this.#recording ??= this.#openRecording(new StatisticsRecording(system, this.#saved.ring));
    this.#recording.follow(folders, this.#files, this.#places());
  }

  #openRecording(recording: StatisticsRecording): StatisticsRecording {
    if (this.#saved.ring === undefined) this.#save({ ...this.#saved, ring: recording.ring });
    this.#parts.system.keepDescriptor(recording.ring);
    return recording;
  }

  #places(): FileSystemPlace[] {
    return [{ mountPoint: "/", path: CONTAINER_ROOT, isRemote: false }, ...this.#parts.volumes()];
  }

  #addSubscriber(): () => void {
    if (this.#subscribers >= MOST_SUBSCRIBERS)
      throw new TetherError("conflict", `${MOST_SUBSCRIBERS} clients have subscribed to statistics already`);
    this.#subscribers += 1;
    return () => {
      this.#subscribers -= 1;
    };
  }

  #save(saved: SavedStatistics): void {
    this.#saved = saved;
    this.#state.write(saved);
  }
}
