import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { configurationOf, type ImageContent, tarsOf, writeOciImage } from "./oci-image.ts";
import { makeTar, type TarEntry } from "./tar.ts";

/** Writes an archive as `docker save` does, with the name `tests/image:latest`. */
export async function writeDockerArchive(file: string, content: ImageContent): Promise<void> {
  const configuration = Buffer.from(JSON.stringify(configurationOf(content)));
  const config = `${createHash("sha256").update(configuration).digest("hex")}.json`;
  const layers = tarsOf(content).map((data, index) => ({ name: `layer${index}/layer.tar`, data }));
  const manifest = [
    { Config: config, RepoTags: ["tests/image:latest"], Layers: layers.map(({ name }) => name) },
  ];
  const members = [
    { name: config, data: configuration },
    ...layers,
    { name: "manifest.json", data: JSON.stringify(manifest) },
  ];
  await writeFile(file, makeTar(members));
}

/** Writes an OCI layout as a tar. */
export async function writeOciArchive(file: string, content: ImageContent): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "oci-archive-"));
  try {
    await writeOciImage(folder, content);
    await writeFile(file, makeTar(await membersOf(folder)));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function membersOf(folder: string): Promise<TarEntry[]> {
  const members: TarEntry[] = [];
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, name);
    members.push(
      (await stat(path)).isDirectory() ? { name: `${name}/` } : { name, data: await readFile(path) },
    );
  }
  return members;
}
