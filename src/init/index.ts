/**
 * What a PID 1 does: the agent's mounts, cgroups, the layer disk, the container's mount namespace and name
 * files, and reaping.
 */
export { CONTAINER_ROOT, mountAgentFileSystems, RUN_DIRECTORY } from "./agent-mounts.ts";
export { findDiskByLabel } from "./block-devices.ts";
export { findAgentDisk, readDiskSerial } from "./agent-disks.ts";
export { readDiskName } from "./disk-of-path.ts";
export { type FileSystemError, FileSystemErrors } from "./file-system-errors.ts";
export {
  makeTrialNamespace,
  mountAgentImage,
  provideAgentMounts,
  removeAgentImages,
} from "./agent-images.ts";
export {
  AGENT_CGROUP,
  CGROUP_ROOT,
  CONTAINER_CGROUP,
  limitContainer,
  limitCpus,
  limitProcesses,
  makeCgroups,
  openContainerCgroup,
} from "./cgroups.ts";
export {
  type FileSystemOptions,
  findLayerDisk,
  makeContainerNamespace,
  mountLayerDisk,
  renewNameFiles,
  unmountLayerDisk,
} from "./container-file-system.ts";
export { allSettledOrThrow } from "./all-settled.ts";
export { restrictDevices } from "./device-cgroup.ts";
export { SavedState } from "./saved-state.ts";
export { writeSysctls } from "./sysctls.ts";
export { Reaper } from "./reaper.ts";
export { attachInterfaces, detachInterfaces, listInterfaces } from "./interface-drivers.ts";
export { attachDisks, detachDisks, listTemplateDisks } from "./disk-drivers.ts";
export { KernelContainerCgroup } from "./container-cgroup.ts";
export type { NetworkConfiguration } from "./network/configuration.ts";
export type { VolumeConfiguration } from "./volumes/configuration.ts";
export type { Names } from "./name-files.ts";
