/** A volume that is mounted in the agent's view. */
export interface MountedVolume {
  readonly name: string;
  /** Of its source, which volumes may share. */
  readonly key: string;
  /** Where its source is mounted. */
  readonly mountPoint: string;
  /** Where what the container sees of it is mounted: a folder, or a file. */
  readonly view: string;
  readonly isFile: boolean;
  /** Whether the source's file system can be written to. */
  readonly isSourceReadOnly: boolean;
  /** The disk's name (`vdc`), of a block volume. */
  readonly disk: string | undefined;
}
