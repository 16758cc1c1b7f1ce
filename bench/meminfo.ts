const BYTES_PER_KIBIBYTE = 1024;
const BYTES_PER_MEBIBYTE = 1024 * 1024;

/** A guest's memory in MiB (proc(5), /proc/meminfo). */
export interface GuestMemory {
  readonly free: number;
  /** The kernel's estimate of what a process could still get. */
  readonly available: number;
  /**
   * What is free or can be freed by forgetting what is on a disk: MemFree, the page cache on the file lists
   * (shared memory and locked pages are not on them), and reclaimable slab.
   */
  readonly freeOrReclaimable: number;
  /** Where memory went that cannot be reclaimed. */
  readonly anonymous: number;
  readonly shared: number;
  readonly slab: number;
  readonly kernelStacks: number;
  readonly pageTables: number;
}

/**
 * Reads a /proc/meminfo out of a text that may hold other lines too (a console's).
 *
 * @throws Error that names a missing field.
 */
export function parseMeminfo(text: string): GuestMemory {
  const mebibytes = (field: string): number => {
    const line = text.split(/\r?\n/).find((each) => each.startsWith(`${field}:`));
    const match = /: +(\d+) kB$/.exec(line ?? "");
    if (match === null)
      throw new Error(`/proc/meminfo has no ${field}: ${JSON.stringify(text.slice(0, 200))}`);
    return (Number(match[1]) * BYTES_PER_KIBIBYTE) / BYTES_PER_MEBIBYTE;
  };
  const sum = (...fields: readonly string[]): number =>
    fields.reduce((total, field) => total + mebibytes(field), 0);
  return {
    free: mebibytes("MemFree"),
    available: mebibytes("MemAvailable"),
    freeOrReclaimable: sum("MemFree", "Active(file)", "Inactive(file)", "SReclaimable"),
    anonymous: mebibytes("AnonPages"),
    shared: mebibytes("Shmem"),
    slab: mebibytes("SUnreclaim"),
    kernelStacks: mebibytes("KernelStack"),
    pageTables: mebibytes("PageTables"),
  };
}
