import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";

import { type Header, pack } from "tar-stream";

import { blobPath, GZIP_LAYER, writeLayout } from "../src/portlayer/storage/layout-writer.ts";

const BUSYBOX = "/bin/busybox";

/** The time of every file: a fixed one, so that the same busybox gives the same image to the byte. */
const FILE_TIME = new Date("2024-01-01T00:00:00Z");

const FOLDERS: readonly (readonly [path: string, mode: number, owner?: number])[] = [
  ["bin", 0o755],
  ["dev", 0o755],
  ["etc", 0o755],
  ["home", 0o755],
  ["home/demo", 0o755, 1000],
  ["proc", 0o755],
  ["root", 0o700],
  ["sbin", 0o755],
  ["sys", 0o755],
  ["tmp", 0o1777],
  ["usr", 0o755],
  ["usr/bin", 0o755],
  ["usr/sbin", 0o755],
  ["var", 0o755],
  ["var/tmp", 0o1777],
  ["var/www", 0o755],
];

/** What a visitor is told: the facts of the machine, as seen from inside. */
const HELLO = `#!/bin/sh
echo "This container is a virtual machine of its own."
echo
echo "  host name  $(hostname)"
echo "  kernel     $(uname -sr)"
echo "  memory     $(awk '/^MemTotal/ { printf "%d MiB", $2 / 1024 }' /proc/meminfo), of which $(awk '/^MemAvailable/ { printf "%d MiB", $2 / 1024 }' /proc/meminfo) free"
echo "  pid 1      $(cat /proc/1/comm)"
echo "  disk       $(df -h / | awk 'NR == 2 { print $2 " on " $1 }')"
`;

const PROFILE = `export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
PS1='\\u@\\h:\\w\\$ '
hello
echo
`;

const FILES: Readonly<Record<string, readonly [mode: number, content: string]>> = {
  "bin/hello": [0o755, HELLO],
  "etc/group": [0o644, "root:x:0:\ntty:x:5:\nwww-data:x:33:\ndemo:x:1000:\nnogroup:x:65534:\n"],
  "etc/passwd": [
    0o644,
    [
      "root:x:0:0:root:/root:/bin/sh",
      "www-data:x:33:33:www-data:/var/www:/bin/false",
      "demo:x:1000:1000:demo:/home/demo:/bin/sh",
      "nobody:x:65534:65534:nobody:/:/bin/false",
      "",
    ].join("\n"),
  ],
  "etc/profile": [0o644, PROFILE],
  "etc/nsswitch.conf": [0o644, "hosts: files dns\n"],
  "var/www/index.html": [0o644, "<!doctype html><title>demo</title><p>Served from a container VM.</p>\n"],
};

const CONFIGURATION = {
  Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
  Cmd: ["/bin/hello"],
  WorkingDir: "/root",
};

/**
 * Builds the demo image as an OCI layout with the tag `latest`: Debian's static busybox with all its
 * applets. Without a command it prints a greeting and ends. Replaces what was at `folder`.
 */
export async function buildDemoImage(
  folder: string,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const tar = await demoTar(signal);
  const layer = gzipSync(tar, { level: 9 });
  const digest = sha256(layer);
  await mkdir(dirname(resolve(folder)), { recursive: true });
  const temporary = await mkdtemp(`${resolve(folder)}.`);
  try {
    await mkdir(dirname(blobPath(temporary, digest)), { recursive: true });
    await writeFile(blobPath(temporary, digest), layer);
    await writeLayout(temporary, {
      layers: [{ mediaType: GZIP_LAYER, digest, sizeBytes: layer.length }],
      configuration: {
        created: FILE_TIME.toISOString(),
        architecture: "amd64",
        os: "linux",
        config: CONFIGURATION,
        rootfs: { type: "layers", diff_ids: [sha256(tar)] },
      },
      tag: "latest",
    });
    await chmod(temporary, 0o755);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function demoTar(signal: AbortSignal | undefined): Promise<Buffer> {
  const applets = await listApplets(signal);
  const tar = pack();
  const add = (header: Partial<Header> & { name: string }, content = Buffer.alloc(0)) =>
    tar.entry({ uid: 0, gid: 0, mtime: FILE_TIME, ...header }, content);
  for (const [path, mode, owner = 0] of FOLDERS) {
    add({ name: `${path}/`, type: "directory", mode, uid: owner, gid: owner });
  }
  add({ name: "bin/busybox", mode: 0o755 }, await readFile(BUSYBOX));
  for (const applet of applets)
    add({ name: join("bin", applet), type: "symlink", linkname: "busybox", mode: 0o777 });
  for (const [path, [mode, content]] of Object.entries(FILES))
    add({ name: path, mode }, Buffer.from(content));
  tar.finalize();
  return buffer(tar);
}

async function listApplets(signal: AbortSignal | undefined): Promise<string[]> {
  const { stdout } = await promisify(execFile)(
    BUSYBOX,
    ["--list"],
    signal === undefined ? {} : { signal },
  ).catch((cause: unknown) => {
    throw new Error(`the demo image needs ${BUSYBOX}: apt-get install busybox-static`, { cause });
  });
  return stdout
    .split("\n")
    .filter((name) => name !== "" && name !== "busybox")
    .sort();
}

const sha256 = (bytes: Buffer) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

if (import.meta.main) await buildDemoImage(resolve(import.meta.dirname, "../build/demo-image"));
