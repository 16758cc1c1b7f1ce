/** The programs that the build runs, each with the Debian package it comes from. */
export const TOOL_PACKAGES = {
  "apt-cache": "apt",
  "apt-get": "apt",
  bsdtar: "libarchive-tools",
  depmod: "kmod",
  "dpkg-deb": "dpkg",
  "grub-mkimage": "grub-common",
  ldd: "libc-bin",
  mcopy: "mtools",
  mformat: "mtools",
  "mkfs.erofs": "erofs-utils",
  mmd: "mtools",
  strip: "binutils",
  xorriso: "xorriso",
  xz: "xz-utils",
} as const;

/** A program that the build runs. */
export type Tool = keyof typeof TOOL_PACKAGES;

/** The boot loaders' files that go into the ISO, each with the Debian package it comes from. */
export const BOOT_LOADER_FILES = {
  isolinux: { path: "/usr/lib/ISOLINUX/isolinux.bin", package: "isolinux" },
  isohybridMbr: { path: "/usr/lib/ISOLINUX/isohdpfx.bin", package: "isolinux" },
  ldlinux: { path: "/usr/lib/syslinux/modules/bios/ldlinux.c32", package: "syslinux-common" },
  grubModules: { path: "/usr/lib/grub/x86_64-efi", package: "grub-efi-amd64-bin" },
} as const;

// Every Debian system has these.
const ESSENTIAL_PACKAGES: ReadonlySet<string> = new Set(["apt", "dpkg", "libc-bin"]);

/** Debian packages that must be installed for a build, sorted; a test holds set-up's list against it. */
export const DEBIAN_PACKAGES: readonly string[] = [
  ...new Set([
    ...Object.values(TOOL_PACKAGES),
    ...Object.values(BOOT_LOADER_FILES).map((file) => file.package),
  ]),
]
  .filter((name) => !ESSENTIAL_PACKAGES.has(name))
  .sort();
