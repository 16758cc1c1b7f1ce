/** Volumes on the host: their disks and records, and what the command line says of a container's mounts. */
export { encodeVolumes, machineVolumes } from "./encode-volumes.ts";
export { machineFolders, provideHostFolders, requireHostFolders } from "./host-folders.ts";
export { type MountSettings, mountSettingsSchema } from "./mount-settings.ts";
export { mergeMounts, type MountWords, parseMounts } from "./parse-mounts.ts";
export { contentOf } from "./volume-options.ts";
export type { VolumeRecord } from "./volume-record.ts";
export { type NewVolume, VolumeStore } from "./volume-store.ts";
