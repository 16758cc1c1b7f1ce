/**
 * A hypervisor that a boot medium can serve, with the modules without which a container VM cannot work on it.
 * A kernel must serve at least one; Photon OS's `linux-esx`, for one, has no virtio_console.
 */
export const PLATFORM_MODULES = {
  qemu: ["virtio_pci", "virtio_blk", "virtio_console", "virtio_net"],
  vsphere: ["vmw_pvscsi", "vmxnet3"],
} as const satisfies Record<string, readonly string[]>;

/** A hypervisor that a boot medium can serve. */
export type Platform = keyof typeof PLATFORM_MODULES;

/**
 * Loaded on every start, before any device is looked at: what the usual container VM needs to reach its agent image, and
 * its disk's file system, which Debian's cloud kernel has built in. Loading them by name saves a walk over sysfs.
 */
export const ALWAYS_MODULES = ["virtio_pci", "virtio_blk", "erofs", "ext4"] as const;

/** Loaded when a device asks for them by its MODALIAS. */
export const COLDPLUG_MODULES = [
  "virtio_console",
  "virtio_scsi",
  "virtio_rng",
  "vmw_pvscsi",
  "sd_mod",
  "sr_mod",
  "ata_piix",
  "ahci",
  "nvme",
] as const;

/** Sets that stage 0 loads by name, when the agent image is on such a medium. */
export const ON_DEMAND_MODULES = {
  // sr_mod brings cdrom and the SCSI core; isofs and loop read the image file out of the ISO.
  iso: ["cdrom", "isofs", "loop"],
} as const satisfies Record<string, readonly string[]>;

/**
 * Drivers that the agent loads from its own image when its configuration names such a device: a container without one
 * has no memory for them, and a VM that was forked from a template has no initramfs any more. Debian's cloud kernel has
 * no e1000e.
 */
export const AGENT_DRIVERS = [
  ...["virtio_net", "vmxnet3", "e1000e"],
  // Volumes that are plugged: what stage 0 loads for devices that are there when the VM boots.
  ...["virtio_scsi", "vmw_pvscsi", "sd_mod"],
] as const;

/** Sets that the agent loads by name (src/init/kernel-modules.ts). */
export const AGENT_MODULE_SETS = {
  firewall: ["nf_tables"],
  "firewall-connections": ["nft_ct"],
  "firewall-redirections": ["nft_redir", "nft_chain_nat"],
  xfs: ["xfs"],
  nfs: ["nfsv3", "nfsv4"],
  virtiofs: ["virtiofs"],
  // Debian's cloud kernel has none of it.
  "9p": ["9p", "9pnet_virtio"],
} as const satisfies Record<string, readonly string[]>;

/** Every boot medium needs these, whatever the hypervisor. */
export const REQUIRED_MODULES = ["erofs", "ext4", "sd_mod", "sr_mod", "isofs", "loop"] as const;
