/** Which device a volume's disk is. */
export type VolumeModel = "virtio-blk" | "virtio-scsi" | "pvscsi";

/** One disk of a machine beside the container's own. */
export interface MachineVolume {
  /** Unique in the machine: letters, digits and dashes. */
  readonly id: string;
  /** Absolute path. */
  readonly file: string;
  readonly format: "raw" | "qcow2";
  /** By which the guest finds it: at most 20 bytes (virtio's limit). */
  readonly serial: string;
  readonly model: VolumeModel;
  /** The hypervisor writes nothing to it, whatever the guest does. */
  readonly isReadOnly: boolean;
}
