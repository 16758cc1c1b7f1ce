import { z } from "zod";

/** How a container's process ended; a signal of 0 means that it ended by exit(2). */
const exitSchema = z.object({
  code: z.number().int().min(0).max(255),
  signal: z.number().int().min(0).max(64),
});

/** What `container.json` holds: what the container is, and what is known of its machine. */
export const containerRecordSchema = z.object({
  version: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{64}$/),
  name: z.string(),
  /** As the user wrote it. */
  image: z.string(),
  imageDigest: z.string(),
  command: z.array(z.string()),
  created: z.iso.datetime(),
  tty: z.boolean(),
  memoryBytes: z.number().int().positive(),
  cpus: z.number().int().positive(),
  /** The hypervisor's process while the machine runs. */
  machine: z.object({ pid: z.number().int().positive(), startTime: z.string() }).optional(),
  /** The `vch` that is making or running it; a container without a machine and without its maker was given up. */
  owner: z.object({ pid: z.number().int().positive(), startTime: z.string() }).optional(),
  /** Its machine is being ended because it is removed. */
  isRemoved: z.literal(true).optional(),
  started: z.iso.datetime().optional(),
  finished: z.iso.datetime().optional(),
  exit: exitSchema.optional(),
  /** Why it never ran. */
  error: z.string().optional(),
});

/** A container as the state folder knows it. */
export type ContainerRecord = z.infer<typeof containerRecordSchema>;

/** How a container's process ended. */
export type RecordedExit = z.infer<typeof exitSchema>;

/** Docker's exit status: the code, or 128 plus the signal. */
export function exitStatus(exit: RecordedExit): number {
  return exit.signal === 0 ? exit.code : 128 + exit.signal;
}
