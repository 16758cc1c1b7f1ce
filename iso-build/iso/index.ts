/** The bootable hybrid ISO: BIOS through isolinux, UEFI through GRUB, as a CD or written to a disk. */
export { type IsoContent, makeIso } from "./make-iso.ts";
