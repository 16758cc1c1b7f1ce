import { join, resolve } from "node:path";

/** The project's folder. */
export const ROOT = resolve(import.meta.dirname, "../..");

/** The command as a user calls it. */
export const VCH: string = join(ROOT, "bin/vch");

/** Debian's busybox with a shell; set-up makes it. */
export const DEMO_IMAGE = `oci:${join(ROOT, "build/demo-image")}:latest`;
