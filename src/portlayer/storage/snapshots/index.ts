/**
 * Snapshots of disks: read-only qcow2 files, each with what is other than in the one that it stands on, in the same
 * folder. They are written here, once and whole, and read by QEMU, and here for what changed in a container.
 */
export { type DiskBytes, openDisk } from "./disk-bytes.ts";
export { diskFormatOf, diskLayers, diskSizeOf, disksBelow, ownBytes, takenBytes } from "./disk-chain.ts";
export { makeSnapshot, type NewSnapshot } from "./make-snapshot.ts";
