import { z } from "zod";

const common = {
  /** Absolute path in the container, without `.`, `..` and doubled slashes. */
  target: z.string(),
  isReadOnly: z.boolean(),
};

/** mount_namespaces(7), as Docker writes them. */
export const PROPAGATIONS = ["private", "rprivate", "shared", "rshared", "slave", "rslave"] as const;

/** Those of a folder of this machine: what a container VM mounts in it stays its own. */
export const BIND_PROPAGATIONS = ["private", "rprivate", "slave", "rslave"] as const;

/** What a container has mounted beside its own disk. */
export const mountSettingsSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("volume"),
    ...common,
    name: z.string(),
    /** Removed with the container. */
    isAnonymous: z.boolean(),
    /** An empty volume gets what the image has there. */
    isPopulated: z.boolean(),
    /** Empty: all of it. */
    subPath: z.string(),
    propagation: z.enum(PROPAGATIONS),
  }),
  z.object({
    kind: z.literal("tmpfs"),
    ...common,
    /** 0: half of the VM's memory. */
    sizeBytes: z.number().int().min(0),
    /** 0: 1777. */
    mode: z.number().int().min(0),
    uid: z.number().int().min(0),
    gid: z.number().int().min(0),
    /** nosuid, nodev, noexec. */
    options: z.array(z.string()),
    /** What `--tmpfs` said of it, which Docker tells again; undefined for one of `--mount`. */
    words: z.string().optional(),
  }),
  z.object({
    kind: z.literal("bind"),
    ...common,
    /** Absolute path on this machine, as it was given: links in it are followed at each start. */
    source: z.string(),
    /** What `-v` said of it, and its last part; Docker tells both again. */
    words: z.string(),
    mode: z.string(),
    /** `-v`: a folder is made where there is nothing. */
    isMade: z.boolean(),
    /** With what is mounted below it. */
    isRecursive: z.boolean(),
    propagation: z.enum(BIND_PROPAGATIONS),
  }),
]);

export type MountSettings = z.infer<typeof mountSettingsSchema>;
export type VolumeMount = Extract<MountSettings, { kind: "volume" }>;
export type TmpfsMount = Extract<MountSettings, { kind: "tmpfs" }>;
export type BindMount = Extract<MountSettings, { kind: "bind" }>;
