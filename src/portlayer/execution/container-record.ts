import { z } from "zod";
import { chosenPortSchema } from "../networking/index.ts";
import { containerSettingsSchema } from "./container-settings.ts";

/** How a container's process ended; a signal of 0 means that it ended by exit(2). */
const exitSchema = z.object({
  code: z.number().int().min(0).max(255),
  signal: z.number().int().min(0).max(64),
  /** The kernel killed for want of memory while it ran. */
  isOutOfMemory: z.boolean().optional(),
});

const restartsSchema = z.object({
  count: z.number().int().min(0),
  /** Before the latest of them. */
  pauseMs: z.number().min(0),
});

const processSchema = z.object({ pid: z.number().int().positive(), startTime: z.string() });

/** What the state's database holds of a container: what the container is, and what is known of its machine. */
export const containerRecordSchema = z.object({
  /** Version 1 had no settings, so that such a container cannot be started again. */
  version: z.union([z.literal(1), z.literal(2)]).transform(() => 2 as const),
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
  settings: containerSettingsSchema.optional(),
  /** The hypervisor's process while the machine runs, with the ports of this machine that it has chosen. */
  machine: processSchema.extend({ ports: z.array(chosenPortSchema).optional() }).optional(),
  /** The process of the machine that serves the files of a container that does not run, while somebody wants them. */
  filesMachine: processSchema.optional(),
  /** The `vch` that is making or running it; a container without a machine and without its maker was given up. */
  owner: processSchema.optional(),
  started: z.iso.datetime().optional(),
  finished: z.iso.datetime().optional(),
  exit: exitSchema.optional(),
  /** Why it never ran. */
  error: z.string().optional(),
  /** How often this machine was started again since somebody has started the container. Its guest counts its own restarts. */
  restarts: restartsSchema.optional(),
  /** Its machine was lost while its process ran, or waited for its restart. */
  isLost: z.boolean().optional(),
  /** Somebody has stopped or killed it: what becomes of its machine is no loss. */
  isEnded: z.boolean().optional(),
});

/** A container as the state folder knows it. */
export type ContainerRecord = z.infer<typeof containerRecordSchema>;

/** How a container's process ended. */
export type RecordedExit = z.infer<typeof exitSchema>;

/** How often a container's machine was started again. */
export type Restarts = z.infer<typeof restartsSchema>;

/** Docker's exit status: the code, or 128 plus the signal. */
export function exitStatus(exit: Pick<RecordedExit, "code" | "signal">): number {
  return exit.signal === 0 ? exit.code : 128 + exit.signal;
}
