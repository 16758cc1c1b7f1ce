import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type TarEntry, writeOciImage } from "./images/index.ts";
import { ROOT } from "./vm-host.ts";

/** The demo image with further members on top. @returns its reference. */
export async function demoImageWith(
  folder: string,
  members: readonly TarEntry[],
  config: object = {},
): Promise<string> {
  const demo = join(ROOT, "build/demo-image");
  const read = (digest: string): Buffer => readFileSync(join(demo, "blobs", digest.replace(":", "/")));
  const json = (bytes: Buffer): { manifests?: Blob[]; layers?: Blob[] } => JSON.parse(bytes.toString());
  const [manifest] = json(readFileSync(join(demo, "index.json"))).manifests ?? [];
  const [layer] = json(read(manifest?.digest ?? "")).layers ?? [];
  const base = gunzipSync(read(layer?.digest ?? ""));
  await writeOciImage(folder, {
    layers: [base, members],
    config: { Env: ["PATH=/bin:/sbin:/usr/bin:/usr/sbin"], Cmd: ["/bin/sh"], ...config },
  });
  return `oci:${folder}:latest`;
}

interface Blob {
  readonly digest: string;
}
