/** The initramfs: stage 0, the kernel modules that it loads, and a cpio writer that gives the same bytes each time. */
export { buildInitramfs, type Initramfs } from "./build-initramfs.ts";
export { type CpioEntry, writeCpio } from "./cpio-archive.ts";
