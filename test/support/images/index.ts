/** Images for tests: built member by member, packed in each form that skopeo reads, and broken in named ways. */
export { writeDockerArchive, writeOciArchive } from "./archives.ts";
export { BREAKAGES, cutShort, flipBit } from "./break-image.ts";
export { debianImage } from "./debian.ts";
export { checkDisk, debugfs, describeDisk, MountedDisk } from "./mounted-disk.ts";
export { type ImageContent, imageIdOf, type IndexEntry, nestInIndex, writeOciImage } from "./oci-image.ts";
export { makeTar, type TarEntry } from "./tar.ts";
