import { z } from "zod";

/** What a volume is made of. */
const contentSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.enum(["ext4", "xfs"]),
    sizeBytes: z.number().int().positive(),
    /** By which the guest finds the disk. */
    serial: z.string(),
  }),
  z.object({
    type: z.literal("nfs"),
    host: z.string(),
    path: z.string(),
    /** As mount.nfs(8) has them. */
    options: z.array(z.string()),
  }),
  z.object({ type: z.literal("tmpfs"), sizeBytes: z.number().int().min(0), mode: z.number().int().min(0) }),
]);

/** What `volume.json` holds. */
export const volumeRecordSchema = z.object({
  version: z.literal(1),
  name: z.string(),
  created: z.iso.datetime(),
  labels: z.record(z.string(), z.string()),
  /** As they were given. */
  options: z.record(z.string(), z.string()),
  /** Made for one container, without a name of its own. */
  isAnonymous: z.boolean(),
  content: contentSchema,
});

/** A volume as the state folder knows it. */
export type VolumeRecord = z.infer<typeof volumeRecordSchema>;
export type VolumeContent = z.infer<typeof contentSchema>;
