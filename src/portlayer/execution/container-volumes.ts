import { isRunning } from "../../hypervisor/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { contentOf, type MountSettings, type VolumeRecord, type VolumeStore } from "../storage/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { ContainerStore } from "./container-store.ts";

type VolumeMount = Extract<MountSettings, { kind: "volume" }>;

/** Of a record: which volumes, and how. */
export function volumeMounts({ settings }: ContainerRecord): VolumeMount[] {
  return (settings?.mounts ?? []).filter((mount): mount is VolumeMount => mount.kind === "volume");
}

/** Whether the container writes to a disk that stays when it goes. */
export function writesToVolumes(record: ContainerRecord): boolean {
  return volumeMounts(record).some(({ isReadOnly }) => !isReadOnly);
}

/** Makes the volumes that a container asks for and that are not there yet, as Docker does. */
export async function provideVolumes(
  store: VolumeStore,
  mounts: readonly MountSettings[],
  signal: AbortSignal,
): Promise<void> {
  for (const mount of mounts) {
    if (mount.kind !== "volume" || store.has(mount.name)) continue;
    const { name, isAnonymous } = mount;
    const content = contentOf({}, Number);
    await store.create({ name, isAnonymous, content, labels: {}, options: {} }, signal);
  }
}

/**
 * A disk has one writer: ext4 and xfs are no file systems for several machines at a time. QEMU's lock on the file holds
 * that whatever happens; this says who it is.
 *
 * @throws TetherError `volume-in-use`.
 */
export function refuseVolumesInUse(
  containers: ContainerStore,
  store: VolumeStore,
  record: ContainerRecord,
): void {
  const wanted = volumeMounts(record).filter(({ name }) => "serial" in store.find(name).content);
  if (wanted.length === 0) return;
  const others = containers
    .list()
    .filter(({ id, machine }) => id !== record.id && machine !== undefined && isRunning(machine));
  for (const mount of wanted) {
    const other = others.find((each) => volumeMounts(each).some((has) => conflict(mount, has)));
    if (other === undefined) continue;
    throw new TetherError(
      "volume-in-use",
      `volume ${mount.name} is in use by the running container ${other.name}, and its disk can have one writer only: ` +
        "mount it read-only in both (:ro), or stop the other one",
    );
  }
}

function conflict(one: VolumeMount, other: VolumeMount): boolean {
  return one.name === other.name && !(one.isReadOnly && other.isReadOnly);
}

/** The containers that have a volume, whether they run or not. */
export function containersWith(containers: ContainerStore, name: string): ContainerRecord[] {
  return containers.list().filter((record) => volumeMounts(record).some((mount) => mount.name === name));
}

/**
 * Removes a volume.
 *
 * @throws TetherError `no-such-volume`, `volume-in-use`, in Docker's words.
 */
export function removeVolume(containers: ContainerStore, store: VolumeStore, name: string): void {
  store.find(name);
  const users = containersWith(containers, name);
  if (users.length > 0)
    throw new TetherError(
      "volume-in-use",
      `remove ${name}: volume is in use - [${users.map(({ id }) => id).join(", ")}]`,
    );
  store.remove(name);
}

/** What removing unused volumes has freed. */
export interface PrunedVolumes {
  readonly names: readonly string[];
  readonly bytes: number;
}

/**
 * Removes the volumes that no container has.
 *
 * @param all also those with a name; else what was made without one, as Docker does.
 */
export function pruneVolumes(containers: ContainerStore, store: VolumeStore, all: boolean): PrunedVolumes {
  const used = new Set(containers.list().flatMap((record) => volumeMounts(record).map(({ name }) => name)));
  const unused = store.list().filter(({ name, isAnonymous }) => !used.has(name) && (all || isAnonymous));
  const bytes = unused.reduce((sum: number, record: VolumeRecord) => sum + store.usedBytes(record), 0);
  for (const { name } of unused) store.remove(name);
  return { names: unused.map(({ name }) => name), bytes };
}
