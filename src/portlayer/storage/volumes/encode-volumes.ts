import type { MachineVolume, VolumeModel } from "../../../hypervisor/index.ts";
import { tether } from "../../../protocol/generated/config.js";
import { encodeHostFolder } from "./host-folders.ts";
import type { MountSettings, TmpfsMount, VolumeMount } from "./mount-settings.ts";
import type { VolumeRecord } from "./volume-record.ts";
import type { VolumeStore } from "./volume-store.ts";

/** How many disks can be devices of their own; more of them share a controller. */
const MOST_OWN_DEVICES = 16;

/** The disks of a container's volumes, each once, read-only when it is so for all mounts of it. */
export function machineVolumes(
  mounts: readonly MountSettings[],
  store: VolumeStore,
  hardware: "virtio" | "vmware",
): MachineVolume[] {
  const names = [...new Set(mounts.filter(isVolume).map(({ name }) => name))];
  const records = names.map((name) => store.find(name)).filter(({ content }) => "serial" in content);
  const few: VolumeModel = records.length > MOST_OWN_DEVICES ? "virtio-scsi" : "virtio-blk";
  const model: VolumeModel = hardware === "vmware" ? "pvscsi" : few;
  return records.map((record) => machineVolume(record, store, model, isReadOnlyForAll(mounts, record.name)));
}

/** One volume's disk. */
function machineVolume(
  record: VolumeRecord,
  store: VolumeStore,
  model: VolumeModel,
  isReadOnly: boolean,
): MachineVolume {
  const serial = "serial" in record.content ? record.content.serial : "";
  return { id: serial, file: store.diskOf(record), format: "raw", serial, model, isReadOnly };
}

function isReadOnlyForAll(mounts: readonly MountSettings[], name: string): boolean {
  return mounts.filter(isVolume).every((mount) => mount.name !== name || mount.isReadOnly);
}

/** The volumes of a document. */
export function encodeVolumes(
  mounts: readonly MountSettings[],
  store: VolumeStore,
): tether.config.Volume.$Properties[] {
  const used = new Set<string>();
  return mounts.map((mount) => {
    const [name, entry] = encodeMount(mount, store);
    // One volume may be mounted at several places.
    const unique = used.has(name) ? `${name}@${mount.target}` : name;
    used.add(unique);
    return { ...entry, name: unique, target: Buffer.from(mount.target), readOnly: mount.isReadOnly };
  });
}

function encodeMount(
  mount: MountSettings,
  store: VolumeStore,
): readonly [string, tether.config.Volume.$Properties] {
  switch (mount.kind) {
    case "volume":
      return [mount.name, encodeVolume(mount, store.find(mount.name))];
    case "tmpfs":
      return [`tmpfs@${mount.target}`, encodeTmpfs(mount)];
    default:
      return [`bind@${mount.target}`, encodeHostFolder(mount)];
  }
}

const { Propagation } = tether.config.Volume;

const PROPAGATION: Readonly<Record<VolumeMount["propagation"], tether.config.Volume.Propagation>> = {
  private: Propagation.PRIVATE,
  rprivate: Propagation.RPRIVATE,
  shared: Propagation.SHARED,
  rshared: Propagation.RSHARED,
  slave: Propagation.SLAVE,
  rslave: Propagation.RSLAVE,
};

function encodeVolume(
  { isPopulated, isReadOnly, subPath, propagation }: VolumeMount,
  { content }: VolumeRecord,
): tether.config.Volume.$Properties {
  const common = {
    populate: isPopulated && !isReadOnly && subPath === "",
    subPath: Buffer.from(subPath),
    propagation: PROPAGATION[propagation],
  };
  switch (content.type) {
    case "nfs":
      return { ...common, nfs: { host: content.host, path: content.path, options: content.options } };
    case "tmpfs":
      return { ...common, tmpfs: { sizeBytes: content.sizeBytes, mode: content.mode } };
    default:
      return { ...common, block: { serial: content.serial, fileSystem: content.type } };
  }
}

function encodeTmpfs({ sizeBytes, mode, uid, gid, options }: TmpfsMount): tether.config.Volume.$Properties {
  return { options, tmpfs: { sizeBytes, mode, uid, gid } };
}

function isVolume(mount: MountSettings): mount is VolumeMount {
  return mount.kind === "volume";
}
