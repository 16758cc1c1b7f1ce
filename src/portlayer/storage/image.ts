/** What an image says about running it: the OCI image configuration, with absent fields made empty. */
export interface ImageConfiguration {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** `NAME=VALUE`, in the image's order. */
  readonly environment: readonly string[];
  /** Empty when the image sets none: Docker then uses `/`. */
  readonly workingDirectory: string;
  /** `user`, `uid`, `user:group` …; empty means root. */
  readonly user: string;
  readonly stopSignal: string | undefined;
  /** What a build that begins with the image does first; undefined: nothing. */
  readonly onBuild?: readonly string[];
  /** When it was made (RFC 3339), as far as it says so; undefined also for one that was imported before this was kept. */
  readonly created?: string | undefined;
  readonly architecture: string;
  readonly os: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `80/tcp` … */
  readonly exposedPorts: readonly string[];
  /** Paths in the container. */
  readonly volumes: readonly string[];
  /** The program with its arguments for command lines (Docker's SHELL); empty for /bin/sh -c. */
  readonly shell: readonly string[];
  readonly health: ImageHealthCheck | undefined;
}

/** Docker's HEALTHCHECK, as an image has it. Times are whole milliseconds; 0 is Docker's default. */
export interface ImageHealthCheck {
  /** `CMD` and words, `CMD-SHELL` and one line, `NONE`; empty for that of the image below, of which nothing is known. */
  readonly test: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
  readonly retries: number;
}

/** A layer of a stored image. */
export interface ImageLayer {
  /** `sha256:…` of the uncompressed tar. */
  readonly diffId: string;
  /** Of the uncompressed tar. */
  readonly sizeBytes: number;
  /** Of the files in it: what Docker calls its size. */
  readonly contentBytes: number;
}

/** An image in the store. Its disk is shared by all containers made from it: never write to it. */
export interface Image {
  /** `sha256:…` of the image's configuration document: Docker's image id. */
  readonly digest: string;
  readonly configuration: ImageConfiguration;
  /** The lowest first. */
  readonly layers: readonly ImageLayer[];
  /**
   * Absolute path of its disk, read-only, ext4 with the label `containerfs`: the topmost of its layers' snapshots (qcow2), or
   * a raw one of an earlier version.
   */
  readonly disk: string;
  /** The disk's virtual size. */
  readonly diskSizeBytes: number;
  /** What the disk takes of this machine's, with what it shares with other images. */
  readonly usedBytes: number;
}
