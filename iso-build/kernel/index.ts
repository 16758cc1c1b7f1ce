/** Where the kernel comes from: Debian's package by way of apt, or an RPM file. Unpacked, never installed. */
export { unpackDebianKernel } from "./debian-kernel.ts";
export { extractVmlinux } from "./extract-vmlinux.ts";
export type { KernelTree } from "./kernel-tree.ts";
export { decompressLz4Legacy, LZ4_LEGACY_MAGIC } from "./lz4-legacy.ts";
export { unpackRpmKernel } from "./rpm-kernel.ts";
