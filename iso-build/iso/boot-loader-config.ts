import { ISO_COMMAND_LINE } from "../command-line.ts";

/** isolinux.cfg: starts at once; holding Shift or Alt stops at a prompt. */
export const ISOLINUX_CONFIG = `serial 0 115200
default tether
prompt 0
label tether
  linux /boot/vmlinuz
  initrd /boot/initramfs
  append ${ISO_COMMAND_LINE}
`;

/**
 * The commands built into the GRUB image. They run before GRUB's shell is loaded, so there is no `if`, and no
 * need for a menu, its modules or its files on the medium.
 */
export const GRUB_CONFIG = `search.file /boot/agent.erofs root
linux /boot/vmlinuz ${ISO_COMMAND_LINE}
initrd /boot/initramfs
boot
`;

/** The GRUB modules that the commands above need. */
export const GRUB_MODULES = [
  "boot",
  "fat",
  "iso9660",
  "linux",
  "part_gpt",
  "part_msdos",
  "search_fs_file",
] as const;
