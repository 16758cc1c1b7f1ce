/** The volumes of a container VM: disks, servers' folders, memory. Loaded when there are some. */
export { type VolumeParts, type VolumePlace, Volumes, type VolumeTarget } from "./volumes.ts";
