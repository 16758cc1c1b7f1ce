import { stat } from "node:fs/promises";
import { join } from "node:path";
import { BOOT_FOLDER } from "../bench-host.ts";
import type { Measurement } from "../figure.ts";

const LIMIT_MB = 75;

/** A medium's size is told in powers of ten. */
const BYTES_PER_MEGABYTE = 1_000_000;

/** The size of the bootable ISO. */
export async function measureIsoSize(): Promise<Measurement> {
  const { size } = await stat(join(BOOT_FOLDER, "tether.iso"));
  const value = size / BYTES_PER_MEGABYTE;
  return {
    rows: [{ label: "ISO size", value, limit: LIMIT_MB, unit: "MB", note: `${size} bytes` }],
    samples: { sizeBytes: size },
  };
}
