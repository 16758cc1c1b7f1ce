import { join } from "node:path";
import { allSettledOrThrow } from "../all-settled.ts";
import type { VolumeConfiguration } from "./configuration.ts";
import type { Disk } from "./disks.ts";
import type { MountedVolume } from "./mounted-volume.ts";
import { byDepth, digest } from "./order.ts";
import { checkDisk, mountSource, sourceKey, type SourceParts } from "./sources.ts";

/** A source that is mounted in the agent's view. */
interface MountedSource {
  readonly mountPoint: string;
  readonly isReadOnly: boolean;
  /** The volume for which it was mounted. */
  readonly volume: string;
  /** Whether a volume shows it already. */
  readonly isUsed: boolean;
}

/** What mounting them needs. */
interface SourceMountsParts extends SourceParts {
  /** Where they are mounted. */
  readonly folder: string;
  /** The volumes that show one. */
  readonly users: () => Iterable<MountedVolume>;
}

/** The sources of volumes (disks, servers' folders, memory) in the agent's view: each is mounted once. */
export class SourceMounts {
  readonly #parts: SourceMountsParts;
  /** Those that no volume shows yet, by their keys. */
  readonly #unused = new Map<string, MountedSource>();

  constructor(parts: SourceMountsParts) {
    this.#parts = parts;
  }

  /**
   * Mounts the sources that are not mounted yet, all at the same time: each waits for its disk or server.
   *
   * @param all the volumes that there are to be: a source that one of them writes to is writable.
   * @throws TetherError `volume-failed`, `volume-missing`; the others are mounted.
   */
  async mount(
    volumes: readonly VolumeConfiguration[],
    disks: ReadonlyMap<string, Disk>,
    all: readonly VolumeConfiguration[],
  ): Promise<void> {
    const wanted = new Map<string, VolumeConfiguration>();
    for (const volume of byDepth(volumes)) {
      const disk = disks.get(volume.name);
      if (disk !== undefined) checkDisk(volume, disk);
      const key = sourceKey(volume, disk);
      if (this.find(key) === undefined && !wanted.has(key)) wanted.set(key, volume);
    }
    await allSettledOrThrow(
      [...wanted].map(async ([key, volume]) => {
        const mountPoint = join(this.#parts.folder, `source-${digest(key)}`);
        const isReadOnly = isReadOnlyForAll(volume, all);
        await mountSource(volume, disks.get(volume.name), mountPoint, isReadOnly, this.#parts);
        this.#unused.set(key, { mountPoint, isReadOnly, volume: volume.name, isUsed: false });
      }),
    );
  }

  /** One that is mounted. */
  find(key: string): MountedSource | undefined {
    for (const user of this.#parts.users())
      if (user.key === key)
        return {
          mountPoint: user.mountPoint,
          isReadOnly: user.isSourceReadOnly,
          volume: user.name,
          isUsed: true,
        };
    return this.#unused.get(key);
  }

  /** A volume shows it: it goes with the last of them. */
  used(key: string): void {
    this.#unused.delete(key);
  }

  /** Takes those away that no volume shows: something else has failed. */
  async unmountUnused(flags: number): Promise<void> {
    for (const [key, { mountPoint }] of this.#unused) {
      await this.#parts.system.unmountAside(mountPoint, flags);
      this.#unused.delete(key);
    }
  }
}

/** Several may name one disk differently: only the same words are known to be the same before it is looked at. */
function isReadOnlyForAll(volume: VolumeConfiguration, all: readonly VolumeConfiguration[]): boolean {
  const words = JSON.stringify(volume.source);
  return all
    .filter(({ source }) => JSON.stringify(source) === words)
    .every(({ isReadOnly, source }) => isReadOnly && source.kind !== "file");
}
