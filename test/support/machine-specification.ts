import type { MachineSpecification } from "../../src/hypervisor/index.ts";

/** A machine in a folder, which boots from files that need not be there. */
export function machineSpecification(
  folder: string,
  changes: Partial<MachineSpecification> = {},
): MachineSpecification {
  return {
    name: "eager_clipper",
    folder,
    boot: {
      from: "kernel",
      kernel: "/boot/vmlinuz",
      initramfs: "/boot/initramfs",
      agentImage: "/boot/agent.erofs",
    },
    kernelCommandLine: "console=ttyS0 quiet",
    memoryBytes: 512 * 1024 * 1024,
    cpus: 2,
    acceleration: "tcg",
    hardware: "virtio",
    disk: `${folder}/disk.qcow2`,
    diskLayers: [],
    configuration: `${folder}/config`,
    interfaces: [],
    volumes: [],
    folders: [],
    log: `${folder}/log`,
    templates: undefined,
    ...changes,
  };
}
