import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { blobPath } from "../layout-writer.ts";

/** What skopeo's `dir:` calls an image's manifest; every blob is called by its digest's digits. */
const MANIFEST = "manifest.json";

/** Algorithms by the number of their digits. */
const ALGORITHMS: Readonly<Record<number, string>> = { 64: "sha256", 128: "sha512" };

/**
 * Turns a folder that skopeo wrote as `dir:` into an OCI layout with one image and no tag. The documents stay as they
 * were, whichever of both forms they have; they are not looked into.
 */
export async function copyToLayout(folder: string): Promise<void> {
  const manifest = await readFile(join(folder, MANIFEST));
  const digest = `sha256:${createHash("sha256").update(manifest).digest("hex")}`;
  for (const algorithm of Object.values(ALGORITHMS))
    await mkdir(join(folder, "blobs", algorithm), { recursive: true });
  for (const name of await readdir(folder)) {
    const algorithm = /^[0-9a-f]+$/.test(name) ? ALGORITHMS[name.length] : undefined;
    if (algorithm !== undefined) await rename(join(folder, name), blobPath(folder, `${algorithm}:${name}`));
  }
  await rename(join(folder, MANIFEST), blobPath(folder, digest));
  const index = { schemaVersion: 2, manifests: [{ digest, size: manifest.length }] };
  await writeFile(join(folder, "index.json"), JSON.stringify(index));
}
