import { join } from "node:path";
import type { ContainerRecord } from "./container-record.ts";
import type { ContainerStore } from "./container-store.ts";
import { DISK } from "./machine-start.ts";
import { ownBytes, takenBytes } from "../storage/index.ts";

/** What a container's files take of this machine's disk, whether it runs or not. */
export interface ContainerSize {
  /** Its own disk: what it has written, with the disk's own tables. 0 before its first start. */
  readonly writtenBytes: number;
  /** That and its image's disk, with all its layers' snapshots, which it may share with others. */
  readonly totalBytes: number;
}

/** Asks no guest: the disks are files of this machine. */
export function sizeOfContainer(
  containers: ContainerStore,
  { id, settings }: ContainerRecord,
): ContainerSize {
  const writtenBytes = ownBytes(join(containers.folderOf(id), DISK));
  const imageBytes = settings === undefined ? 0 : takenBytes(settings.imageDisk);
  return { writtenBytes, totalBytes: writtenBytes + imageBytes };
}
