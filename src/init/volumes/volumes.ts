import { closeSync, mkdirSync, rmdirSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { itself, statusOf } from "../../protocol/archive/directory.ts";
import { hasCode, TetherError } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import { CONTAINER_ROOT, NAMES_FOLDER, VOLUMES_FOLDER } from "../agent-mounts.ts";
import { DEVICE_FOLDERS, type DeviceFolders } from "../block-devices.ts";
import { KernelModules, MODULES_FOLDER } from "../kernel-modules.ts";
import {
  MNT_DETACH,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOSUID,
  MS_BIND,
  MS_PRIVATE,
  MS_SHARED,
} from "../mount-flags.ts";
import { SavedState } from "../saved-state.ts";
import { attributesOf } from "./attributes.ts";
import type { VolumeConfiguration } from "./configuration.ts";
import { type CopyFolder, openContent } from "./content.ts";
import { type Disk, findDisks, isBlock } from "./disks.ts";
import type { Formatting } from "./format.ts";
import { byDepth, digest } from "./order.ts";
import { SourceMounts } from "./source-mounts.ts";
import { CONTENT_FILE, sourceKey } from "./sources.ts";
import { describeTarget, openTarget } from "./target.ts";
import { describeUsers } from "./users.ts";
import type { MountedVolume } from "./mounted-volume.ts";

/** Where volumes and their drivers are looked for; other folders in tests. */
export interface VolumeFolders {
  readonly sysfs: string;
  readonly modules: string;
  readonly devices: DeviceFolders;
  /** Memory of the agent's. */
  readonly state: string;
  /** Where the layer disk is mounted in the agent's view. */
  readonly layer: string;
  /** Where the container's hosts, hostname and resolv.conf are. */
  readonly names: string;
}

/** Of a server, or of the host's program that serves a folder: neither has to answer. */
const REMOTE_KINDS: ReadonlySet<string> = new Set(["nfs", "host-folder"]);

/** A machine's own. */
export const FOLDERS: VolumeFolders = {
  sysfs: "/sys",
  modules: MODULES_FOLDER,
  devices: DEVICE_FOLDERS,
  state: VOLUMES_FOLDER,
  layer: CONTAINER_ROOT,
  names: NAMES_FOLDER,
};

/** The container's mount namespace, as it is at the moment. */
export interface VolumeTarget {
  /** For setns(2). */
  readonly namespace: number;
  /** Descriptor of its root directory. */
  readonly root: number;
}

/** Where a volume is. */
export interface VolumePlace {
  /** As the container sees it. */
  readonly mountPoint: string;
  /** In the agent's view. */
  readonly path: string;
  /** On a server, which may not answer. */
  readonly isRemote: boolean;
}

/** What volumes need of the agent. */
export interface VolumeParts {
  readonly system: System;
  readonly copyFolder: CopyFolder;
  /** Resolves when an own child has ended. */
  readonly exitOf: Formatting["exitOf"];
  /** The address of an NFS server. */
  readonly resolve: (host: string) => Promise<string>;
  readonly folders?: VolumeFolders;
}

/**
 * The volumes of a container. Each is mounted in the agent's view first, where the container does not reach it: its
 * source (a disk, a server's folder, memory), and what the container is to see of it. Then that is attached to the
 * container's mount namespace: at the start, while it runs, and anew when its process is started again.
 */
export class Volumes {
  readonly #parts: VolumeParts;
  readonly #folders: VolumeFolders;
  readonly #modules: KernelModules;
  readonly #saved: SavedState<readonly MountedVolume[]>;
  readonly #mounted = new Map<string, MountedVolume>();
  readonly #sources: SourceMounts;
  /** The disks of volumes whose sources were mounted ahead, by the volumes' names. */
  #disks: ReadonlyMap<string, Disk> = new Map();
  #configuration: readonly VolumeConfiguration[] = [];

  constructor(parts: VolumeParts) {
    this.#parts = parts;
    this.#folders = parts.folders ?? FOLDERS;
    this.#modules = new KernelModules(parts.system, this.#folders.modules);
    this.#saved = new SavedState(this.#folders.state, "mounted");
    const users = (): Iterable<MountedVolume> => this.#mounted.values();
    this.#sources = new SourceMounts({
      ...parts,
      modules: this.#modules,
      folder: this.#folders.state,
      users,
    });
  }

  /**
   * Mounts the disks of volumes that have file systems, all at the same time, while the layer disk is mounted and the
   * network configured: each waits for its hypervisor's disk.
   *
   * @param layerDisk the device, which is no volume.
   * @throws TetherError as {@link mount}; what was mounted stays so.
   */
  async mountAhead(volumes: readonly VolumeConfiguration[], layerDisk: string): Promise<void> {
    const ready = volumes.filter((volume) => isBlock(volume) && !volume.source.isFormatted);
    this.#disks = await this.#findDisks(ready, statSync(layerDisk).rdev);
    await this.#sources.mount(ready, this.#disks, volumes);
  }

  /**
   * Mounts volumes in the agent's view, after the layer disk, and fills those that are to be filled. Those that are
   * mounted stay.
   *
   * @throws TetherError `volume-missing`, `volume-failed`, `conflict`; what was mounted stays so.
   */
  async mount(volumes: readonly VolumeConfiguration[]): Promise<void> {
    const fresh = volumes.filter(({ name }) => !this.#mounted.has(name));
    const others = fresh.filter(({ name }) => !this.#disks.has(name));
    const disks = new Map([...this.#disks, ...(await this.#findDisks(others))]);
    this.#disks = new Map();
    await this.#sources.mount(fresh, disks, volumes);
    await this.#mountAll(fresh, disks);
    this.#configuration = volumes;
  }

  /** Where each volume is, but for single files that the document brings. */
  get places(): VolumePlace[] {
    return this.#configuration.flatMap(({ name, target, source }) => {
      const view = this.#mounted.get(name)?.view;
      if (view === undefined || source.kind === "file") return [];
      return [{ mountPoint: describeTarget(target), path: view, isRemote: REMOTE_KINDS.has(source.kind) }];
    });
  }

  /** Which volumes each disk holds, by the disks' names (`vdb`). */
  get disks(): ReadonlyMap<string, readonly string[]> {
    const disks = new Map<string, string[]>();
    for (const { name, disk } of this.#mounted.values())
      if (disk !== undefined) disks.set(disk, [...(disks.get(disk) ?? []), name]);
    return disks;
  }

  /** Attaches all volumes to a container's namespace that is new. @throws TetherError `volume-failed`. */
  attach(target: VolumeTarget): void {
    for (const volume of byDepth(this.#configuration)) this.#attach(volume, target);
    if (this.#configuration.some(coversNames)) this.#uncoverNames(target);
  }

  /** Empties what is in memory: the container's process is started again. Before {@link attach} to its new namespace. */
  async renew(): Promise<void> {
    const inMemory = this.#configuration.filter(({ source }) => source.kind === "tmpfs");
    for (const { name } of inMemory) await this.#unmount(name, MNT_DETACH);
    await this.#sources.mount(inMemory, new Map(), this.#configuration);
    await this.#mountAll(inMemory, new Map());
  }

  /**
   * Brings a container that runs to what a newer document says: volumes that are gone are taken away, new ones are
   * attached where its processes see them at once. One that has changed is taken away and attached anew. The same twice
   * changes nothing.
   *
   * @throws TetherError `volume-in-use` that names who uses a volume that is to go; nothing has changed for it then.
   */
  async apply(next: readonly VolumeConfiguration[], target: VolumeTarget): Promise<void> {
    const wanted = new Map(next.map((volume) => [volume.name, volume]));
    const going = this.#configuration.filter((volume) => !isSame(volume, wanted.get(volume.name)));
    for (const volume of byDepth(going).reverse()) await this.#remove(volume, target);
    const before = this.#configuration;
    const fresh = next.filter(({ name }) => !before.some((volume) => volume.name === name));
    try {
      await this.mount(next);
    } catch (error) {
      for (const { name } of fresh) await this.#unmount(name, MNT_DETACH);
      await this.#sources.unmountUnused(MNT_DETACH);
      throw error;
    }
    for (const volume of byDepth(fresh)) await this.#attachOrUndo(volume, target);
  }

  /** Goes on with what an agent before this one has mounted. */
  resume(volumes: readonly VolumeConfiguration[]): void {
    for (const mounted of this.#saved.read() ?? []) this.#mounted.set(mounted.name, mounted);
    this.#configuration = volumes.filter(({ name }) => this.#mounted.has(name));
  }

  /**
   * Brings the disks to rest; after the container's last process has ended.
   *
   * @returns what could not be unmounted, and why.
   */
  async release(): Promise<string[]> {
    const failures: string[] = [];
    for (const volume of byDepth(this.#configuration).reverse()) {
      try {
        await this.#unmount(volume.name, 0);
      } catch (error) {
        failures.push(`unmounting volume ${volume.name}: ${error instanceof Error ? error.message : ""}`);
      }
    }
    try {
      await this.#sources.unmountUnused(0);
    } catch (error) {
      failures.push(`unmounting a volume's disk: ${error instanceof Error ? error.message : ""}`);
    }
    return failures;
  }

  /**
   * The volumes' disks, with file systems on those that are to be formatted.
   *
   * @param layerDisk its device number; undefined: it is mounted.
   */
  async #findDisks(
    volumes: readonly VolumeConfiguration[],
    layerDisk?: number,
  ): Promise<ReadonlyMap<string, Disk>> {
    const { layer, sysfs, devices } = this.#folders;
    const blocks = volumes.filter(isBlock);
    if (blocks.length === 0) return new Map();
    const excluded = new Set([statSync("/").dev, layerDisk ?? statSync(layer).dev]);
    const { system } = this.#parts;
    const search = { system, modules: this.#modules, sysfs, folders: devices, excluded };
    const found = await findDisks(search, blocks);
    const empty = blocks.filter(
      ({ name, source }) => source.isFormatted && found.get(name)?.superblock === undefined,
    );
    if (empty.length === 0) return found;
    const { formatDisk } = await import("./format.ts");
    for (const { name, source } of empty)
      await formatDisk(
        found.get(name)?.path ?? "",
        source.fileSystem ?? "ext4",
        source.label ?? "",
        this.#parts,
      );
    return findDisks(search, blocks);
  }

  /** One after the other: two may be on one disk, and an outer one is filled before an inner one. */
  async #mountAll(volumes: readonly VolumeConfiguration[], disks: ReadonlyMap<string, Disk>): Promise<void> {
    try {
      for (const volume of byDepth(volumes)) await this.#mount(volume, disks.get(volume.name));
    } finally {
      this.#save();
    }
  }

  /** Makes the view of a volume whose source is mounted. */
  async #mount(volume: VolumeConfiguration, disk: Disk | undefined): Promise<void> {
    const { name } = volume;
    const key = sourceKey(volume, disk);
    const source = this.#sources.find(key);
    if (source === undefined)
      throw new TetherError("internal", `the source of volume ${name} is not mounted`);
    if (source.isReadOnly && !volume.isReadOnly)
      throw new TetherError(
        "conflict",
        `volume ${name} is writable, but its disk is mounted read-only for ${source.volume}`,
      );
    const view = await this.#makeView(volume, source.mountPoint, source.isUsed);
    const { mountPoint, isReadOnly: isSourceReadOnly } = source;
    this.#mounted.set(name, { name, key, mountPoint, ...view, isSourceReadOnly, disk: disk?.name });
    this.#sources.used(key);
  }

  /** What the container sees of the source: its own mount, so that nobody follows a path in a volume later. */
  async #makeView(
    volume: VolumeConfiguration,
    mountPoint: string,
    isShared: boolean,
  ): Promise<Pick<MountedVolume, "view" | "isFile">> {
    const { system, copyFolder } = this.#parts;
    const view = join(this.#folders.state, `view-${digest(volume.name)}`);
    const parts = { system, copyFolder, layer: this.#folders.layer, isShared };
    const shown = volume.source.kind === "file" ? { ...volume, subPath: CONTENT_FILE } : volume;
    const content = await openContent(shown, mountPoint, parts);
    try {
      const isFile = !statusOf(content).isDirectory();
      if (isFile) writeFileSync(view, "", { mode: 0o600 });
      else mkdirSync(view, { recursive: true, mode: 0o700 });
      system.mount(itself(content), view, null, MS_BIND, null);
      // Of one that is private nobody can become a peer, or be made a slave.
      if (volume.propagation !== "private") system.mount(null, view, null, MS_SHARED, null);
      return { view, isFile };
    } finally {
      closeSync(content);
    }
  }

  #attach(volume: VolumeConfiguration, { namespace, root }: VolumeTarget): void {
    const { system } = this.#parts;
    const mounted = this.#mountedOf(volume);
    const where = describeTarget(volume.target);
    try {
      const roots = { container: root, layer: this.#folders.layer };
      const target = openTarget(system, roots, volume.target, mounted.isFile);
      try {
        requireSameKind(volume, target, mounted);
        system.attachMount(namespace, mounted.view, target, attributesOf(volume));
      } finally {
        closeSync(target);
      }
    } catch (error) {
      throw TetherError.from(
        error,
        "volume-failed",
        `volume ${volume.name} could not be mounted at ${where}`,
      );
    }
  }

  /** As Docker has it, the container's name files lie over a volume that is its /etc. */
  #uncoverNames({ namespace, root }: VolumeTarget): void {
    const { system } = this.#parts;
    const { layer, names } = this.#folders;
    for (const name of ["hostname", "hosts", "resolv.conf"]) {
      const target = openTarget(system, { container: root, layer }, ["etc", name], true);
      try {
        const attributes = { set: MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, clear: 0, propagation: MS_PRIVATE };
        system.attachMount(namespace, join(names, name), target, attributes);
      } finally {
        closeSync(target);
      }
    }
  }

  async #attachOrUndo(volume: VolumeConfiguration, target: VolumeTarget): Promise<void> {
    try {
      this.#attach(volume, target);
    } catch (error) {
      await this.#unmount(volume.name, MNT_DETACH);
      this.#configuration = this.#configuration.filter(({ name }) => name !== volume.name);
      throw error;
    }
  }

  async #remove(volume: VolumeConfiguration, { namespace }: VolumeTarget): Promise<void> {
    const mounted = this.#mountedOf(volume);
    const where = describeTarget(volume.target);
    try {
      this.#parts.system.detachMount(namespace, Buffer.from(where), 0);
    } catch (error) {
      if (hasCode(error, "EBUSY"))
        throw new TetherError(
          "volume-in-use",
          `volume ${volume.name} at ${where} is in use: ${describeUsers(mounted.view, where)}`,
        );
      // EINVAL: the container has unmounted it by itself.
      if (!hasCode(error, "EINVAL", "ENOENT"))
        throw TetherError.from(error, "volume-failed", `volume ${volume.name} could not be taken away`);
    }
    await this.#unmount(volume.name, 0);
    this.#configuration = this.#configuration.filter(({ name }) => name !== volume.name);
  }

  /** Out of the agent's view; the source too, when nobody else shares it. */
  async #unmount(name: string, flags: number): Promise<void> {
    const mounted = this.#mounted.get(name);
    if (mounted === undefined) return;
    const { system } = this.#parts;
    await system.unmountAside(mounted.view, flags);
    // Never recursively: whatever might still be mounted there is somebody's data.
    if (mounted.isFile) unlinkSync(mounted.view);
    else rmdirSync(mounted.view);
    this.#mounted.delete(name);
    const isShared = [...this.#mounted.values()].some(({ key }) => key === mounted.key);
    if (!isShared) await system.unmountAside(mounted.mountPoint, flags);
    this.#save();
  }

  #mountedOf({ name }: VolumeConfiguration): MountedVolume {
    const mounted = this.#mounted.get(name);
    if (mounted === undefined) throw new TetherError("internal", `volume ${name} is not mounted`);
    return mounted;
  }

  #save(): void {
    this.#saved.write([...this.#mounted.values()]);
  }
}

/** The kernel would only say EINVAL. @throws TetherError `volume-failed`. */
function requireSameKind(
  { name, target }: VolumeConfiguration,
  opened: number,
  { isFile }: MountedVolume,
): void {
  if (statusOf(opened).isDirectory() !== isFile) return;
  const [one, other] = isFile ? ["file", "folder"] : ["folder", "file"];
  throw new TetherError(
    "volume-failed",
    `volume ${name} is a ${one}, and ${describeTarget(target)} is a ${other}`,
  );
}

function coversNames({ target }: VolumeConfiguration): boolean {
  return target.length === 1 && target[0] === "etc";
}

function isSame(volume: VolumeConfiguration, other: VolumeConfiguration | undefined): boolean {
  return JSON.stringify(volume) === JSON.stringify(other);
}
