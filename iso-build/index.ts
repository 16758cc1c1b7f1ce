/**
 * The boot medium of a container VM: kernel, initramfs (stage 0 and its modules), the read-only agent image,
 * and a bootable ISO with the same content. Everything is made from packages and files of this machine, as an
 * ordinary user would by hand, and two builds from the same inputs are identical to the byte.
 *
 * `build.ts` is the command; this is the same as functions.
 */
export { type BootMediumOptions, buildBootMedium } from "./build-boot-medium.ts";
export { type BootMediumManifest, type ManifestFile, readManifest } from "./manifest.ts";
