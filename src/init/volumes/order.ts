import { createHash } from "node:crypto";
import type { VolumeConfiguration } from "./configuration.ts";

/** A volume below another's target is mounted after it. */
export function byDepth(volumes: readonly VolumeConfiguration[]): VolumeConfiguration[] {
  return volumes.toSorted((one, other) => one.target.length - other.target.length);
}

/** Names are any text; a folder's name is not. */
export function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
