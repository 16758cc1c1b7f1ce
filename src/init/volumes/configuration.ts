import type { ByteString } from "../../protocol/archive/index.ts";

/** A disk; whatever is given of the identifications must fit. */
export interface BlockSource {
  readonly kind: "block";
  readonly label: string | undefined;
  /** Lower case. */
  readonly uuid: string | undefined;
  readonly serial: string | undefined;
  /** `2:0:1:0`, or `1:0` for target and LUN. */
  readonly scsiAddress: string | undefined;
  /** Undefined: what is found. */
  readonly fileSystem: FileSystem | undefined;
  /** A disk that holds nothing is formatted. */
  readonly isFormatted: boolean;
}

/** What a disk may hold. */
export type FileSystem = "ext4" | "xfs";

/** A folder of an NFS server's. */
export interface NfsSource {
  readonly kind: "nfs";
  readonly host: string;
  readonly path: string;
  readonly options: readonly string[];
}

/** Memory. */
export interface TmpfsSource {
  readonly kind: "tmpfs";
  /** 0: half of the VM's. */
  readonly sizeBytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** A folder of the host's. */
export interface HostFolderSource {
  readonly kind: "host-folder";
  readonly transport: "9p" | "virtiofs";
  readonly tag: string;
}

/** A file that the document brings. */
export interface FileSource {
  readonly kind: "file";
  readonly content: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export type VolumeSource = BlockSource | NfsSource | TmpfsSource | HostFolderSource | FileSource;

/** How mounts below a volume's target reach the agent's own view of it, and the reverse (mount_namespaces(7)). */
export type Propagation = "private" | "shared" | "slave";

/** One volume, checked. */
export interface VolumeConfiguration {
  /** Unique. */
  readonly name: string;
  /** The names that lead to its place in the container, from the root on; never empty. */
  readonly target: readonly ByteString[];
  readonly isReadOnly: boolean;
  /** The part that is mounted; empty: all of it. */
  readonly subPath: ByteString;
  readonly isPopulated: boolean;
  readonly propagation: Propagation;
  /** Of the message Volume. */
  readonly options: readonly string[];
  /** How long its device or server is waited for. */
  readonly timeoutMs: number;
  readonly source: VolumeSource;
}
