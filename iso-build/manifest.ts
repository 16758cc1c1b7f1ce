import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { TetherError } from "../src/protocol/errors/index.ts";
import type { Platform } from "./modules/index.ts";

/** `manifest.json`: what a build made, without anything that differs between two equal builds. */
export interface BootMediumManifest {
  readonly kernelVersion: string;
  /** The hypervisors whose devices the kernel can drive. */
  readonly platforms: readonly Platform[];
  /** By file name in the same folder. */
  readonly files: Readonly<Record<string, ManifestFile>>;
}

/** One output. */
export interface ManifestFile {
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Measures the files of `folder` for the manifest. */
export async function describeFiles(
  folder: string,
  names: readonly string[],
): Promise<Record<string, ManifestFile>> {
  const files: Record<string, ManifestFile> = {};
  for (const name of names) {
    const file = path.join(folder, name);
    const hash = createHash("sha256");
    await pipeline(createReadStream(file), hash);
    files[name] = { sizeBytes: (await stat(file)).size, sha256: hash.digest("hex") };
  }
  return files;
}

/** Reads the manifest that a build left in `folder`; `not-set-up` when there is none. */
export async function readManifest(folder: string): Promise<BootMediumManifest> {
  try {
    // Our own build wrote it, by rename: it is whole or not there.
    return JSON.parse(await readFile(path.join(folder, "manifest.json"), "utf8")) as BootMediumManifest;
  } catch (error) {
    throw TetherError.from(error, "not-set-up", `cannot read the boot medium in ${folder}`);
  }
}
