/** Where the kernel comes from: Debian's package by way of apt, or an RPM file. Unpacked, never installed. */
export { unpackDebianKernel } from "./debian-kernel.ts";
export { findKernel, type KernelTree } from "./kernel-tree.ts";
export { unpackRpmKernel } from "./rpm-kernel.ts";
