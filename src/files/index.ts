/**
 * The container's files, for those outside of it: looked up below its root as it sees them itself, packed into
 * archives, unpacked from them, and opened one by one. Knows nothing of SSH. Loaded when first used.
 */
export { packPath, type PutOptions, statPath, unpackInto } from "./archives.ts";
export { listDisk, packDisk } from "./disk.ts";
export { copyFolder } from "./copy-folder.ts";
export { ContainerRoot } from "./container-root.ts";
export { FileAccess, type FileChanges } from "./file-access.ts";
