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
  readonly architecture: string;
  readonly os: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `80/tcp` … */
  readonly exposedPorts: readonly string[];
  /** Paths in the container. */
  readonly volumes: readonly string[];
}

/** An image in the store. Its disk is shared by all containers made from it: never write to it. */
export interface Image {
  /** `sha256:…` of the image's manifest. */
  readonly digest: string;
  readonly configuration: ImageConfiguration;
  /** Absolute path of the raw ext4 disk (label `containerfs`), read-only. */
  readonly disk: string;
  /** The disk's virtual size; the file is sparse. */
  readonly diskSizeBytes: number;
}
