import type { Recorder } from "../../system/recorder.ts";
import type { FileBatch, System } from "../../system/system.ts";
import type { StatsFolders } from "../collectors/collector.ts";
import type { FileSystemPlace } from "../reading/file-system-status.ts";

/** What is kept: ten minutes, a reading each second. */
const PERIOD_MS = 1000;
const KEEP_MS = 600_000;

/**
 * Ten minutes of a usual VM are 300 KiB; what has more devices keeps a shorter time. A memory file of which everything
 * is used in the end.
 */
export const RING_BYTES = 768 * 1024;

/** What was recorded, in the order of a row. */
export interface Sources {
  readonly folders: StatsFolders;
  /** Paths. */
  readonly files: readonly string[];
  /** Of the file systems, as the container sees them. */
  readonly mountPoints: readonly string[];
}

/** What a recorder's description says. */
export function sourcesOf(description: Buffer): Sources {
  // Our own agent wrote it.
  return JSON.parse(description.toString()) as Sources;
}

/**
 * The kernel's files as they were each second, kept by the addon: nothing of it passes through JavaScript, which under
 * an emulator would cost twenty times as much. It outlives the agent.
 */
export class StatisticsRecording {
  readonly #system: Pick<System, "makeRing" | "openRecorder" | "readFiles">;
  readonly #ring: number;
  #recorder: Recorder | undefined;
  #description = Buffer.alloc(0);

  /** @param ring of an agent before this one; undefined: there was none. */
  constructor(system: Pick<System, "makeRing" | "openRecorder" | "readFiles">, ring: number | undefined) {
    this.#system = system;
    this.#ring = ring ?? system.makeRing(RING_BYTES);
  }

  /** The memory file: must stay open for an agent that takes over. */
  get ring(): number {
    return this.#ring;
  }

  /**
   * Records these from now on, in place of those before. File systems on servers are left out: one that does not answer
   * would end it.
   */
  follow(folders: StatsFolders, files: readonly string[], places: readonly FileSystemPlace[]): void {
    const local = places.filter(({ isRemote }) => !isRemote);
    const mountPoints = local.map(({ mountPoint }) => mountPoint);
    const description = Buffer.from(JSON.stringify({ folders, files, mountPoints } satisfies Sources));
    if (this.#recorder !== undefined && description.equals(this.#description)) return;
    this.close();
    this.#description = description;
    this.#recorder = this.#system.openRecorder({
      ...{ ring: this.#ring, files, description, periodMs: PERIOD_MS, keepMs: KEEP_MS },
      fileSystems: local.map(({ path }) => path),
    });
  }

  /** As `System.readFiles`, of the files that are recorded: what was just read for the recording is not read again. */
  readFiles(batch: FileBatch): number {
    return (this.#recorder ?? this.#system).readFiles(batch);
  }

  /** What is kept, for {@link decodeRows}. */
  read(): Buffer {
    return this.#recorder?.read() ?? Buffer.alloc(0);
  }

  /** Ends it; the memory file stays. */
  close(): void {
    this.#recorder?.close();
    this.#recorder = undefined;
  }
}
