/** A folder, or one file, of this machine's that a container VM has beside its disks. */
export interface MachineFolder {
  /** By which the guest finds it, unique in the machine: letters, digits and dashes, at most 36 bytes (virtio's limit). */
  readonly tag: string;
  /** Absolute path, without symbolic links. */
  readonly source: string;
  /** The guest finds it in an otherwise empty folder, as {@link MACHINE_FILE}, and nothing of what is beside it here. */
  readonly isFile: boolean;
  /** Nobody who comes by the guest can write to it, whatever that is made to do. */
  readonly isReadOnly: boolean;
  /** With what is mounted below it when the machine is started. */
  readonly isRecursive: boolean;
  /** What is mounted below it later is seen as well. */
  readonly followsMounts: boolean;
}

/** The name of a file that was shared alone. */
export const MACHINE_FILE = "file";
