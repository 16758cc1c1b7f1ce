/**
 * Storage of the port layer: from an image reference to the disk of a container VM. An image is imported
 * once (skopeo fetches it, its layers are checked, umoci unpacks them, mke2fs and debugfs make an ext4 disk of
 * them, of which each layer is a read-only snapshot over the one below) and kept by the digest of its configuration; a
 * container's disk is a copy-on-write file over the topmost.
 */
export { chainIdsOf } from "./chain-ids.ts";
export { diskLayers, disksBelow, diskSizeOf, ownBytes, takenBytes } from "./snapshots/index.ts";
export type { ArchivedImage } from "./archived-images.ts";
export { CHANGE_KINDS, compareFiles, type FileChange } from "./compare-files.ts";
export { packLayer } from "./pack-layer.ts";
export { listDiskFiles } from "./ext4/list-files.ts";
export { createContainerDisk, type ContainerDiskOptions } from "./container-disk.ts";
export { type ImageReference, parseImageReference, type PathProbe } from "./image-reference.ts";
export { type AcquireOptions, ImageStore, type ImageStoreOptions } from "./image-store.ts";
export type { Image, ImageConfiguration, ImageLayer } from "./image.ts";
export type { HistoryStep, ImageDetails } from "./image-details.ts";
export type { InUse } from "./image-removal.ts";
export type { NewImage } from "./import/create-image.ts";
export type {
  LayerProgress,
  LoginOutcome,
  Platform,
  PulledImage,
  PullObserver,
  PushedImage,
  RegistryLogin,
  RemoteImage,
} from "./registry/index.ts";
export { ProcessLock } from "./process-lock.ts";
export { normaliseRegistryName, registryOf, repositoryOf } from "./registry-name.ts";
export type { SavedImage } from "./save-images.ts";
export type { NamedImage } from "./image-names.ts";
export { runTool, type Tool, TOOL_PACKAGES, ToolError, type ToolRunner } from "./tool-runner.ts";
export {
  contentOf,
  encodeVolumes,
  machineFolders,
  machineVolumes,
  mergeMounts,
  type MountSettings,
  mountSettingsSchema,
  type MountWords,
  parseMounts,
  type NewVolume,
  provideHostFolders,
  requireHostFolders,
  type VolumeRecord,
  VolumeStore,
} from "./volumes/index.ts";
