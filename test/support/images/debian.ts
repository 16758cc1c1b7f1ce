import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, chmod, mkdir, mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

import { blobPath, TAR_LAYER, writeLayout } from "../../../src/portlayer/storage/layout-writer.ts";

const run = promisify(execFile);

const BUILD = resolve(import.meta.dirname, "../../../build");
const SUITE = "bookworm";
const PACKAGES = ["redis-server", "redis-tools", "nginx-light", "postgresql"];

/** What only apt and readers of manuals and translations need, and a cluster of databases that nobody asked for. */
const LEFT_OUT = [
  "var/cache/apt/archives/*",
  "var/lib/apt/lists/*",
  "var/log/*.log",
  "usr/share/doc/*",
  "usr/share/man/*",
  "usr/share/locale/*",
  "var/lib/postgresql/15",
  "dev/*",
];

const CONFIGURATION = {
  Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
  Cmd: ["redis-server", "--save", "", "--protected-mode", "no"],
  WorkingDir: "/",
  ExposedPorts: { "6379/tcp": {} },
};

/**
 * A Debian image with redis, nginx and PostgreSQL in it, made by debootstrap from Debian's packages: `oci:DIR:latest`. Needs root.
 * The first call takes a minute or two and the network; later ones find it under `build/test-images`.
 */
export async function debianImage({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<string> {
  const recipe = createHash("sha256")
    .update(await readFile(import.meta.filename))
    .digest("hex")
    .slice(0, 12);
  const folder = join(BUILD, "test-images", `debian-${SUITE}-${recipe}`);
  const isBuilt = await access(join(folder, "index.json")).then(
    () => true,
    () => false,
  );
  if (!isBuilt) await build(folder, signal);
  return `oci:${folder}:latest`;
}

async function build(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const packages = join(BUILD, "test-images", "packages");
  await mkdir(packages, { recursive: true });
  const work = await mkdtemp(`${folder}.`);
  const root = join(work, "root");
  const options = signal === undefined ? {} : { signal };
  try {
    await run(
      "debootstrap",
      [
        "--variant=minbase",
        `--include=${PACKAGES.join(",")}`,
        `--cache-dir=${packages}`,
        SUITE,
        root,
        await mirror(),
      ],
      {
        ...options,
        env: { ...process.env, ...(await proxy()), PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` },
        maxBuffer: 1 << 26,
      },
    );
    await writeImage(root, join(work, "image"), options);
    await rename(join(work, "image"), folder).catch(async (error: NodeJS.ErrnoException) => {
      // Another test run made it in the meantime.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function writeImage(root: string, image: string, options: { signal?: AbortSignal }): Promise<void> {
  const tar = join(image, "layer.tar");
  await mkdir(image);
  await chmod(image, 0o755);
  const excluded = LEFT_OUT.map((pattern) => `--exclude=./${pattern}`);
  // Names are the image's own, not this machine's: numbers only.
  await run(
    "tar",
    ["-C", root, "--numeric-owner", "--xattrs", "--sort=name", ...excluded, "-cf", tar, "."],
    options,
  );
  const digest = await sha256(tar);
  const sizeBytes = (await stat(tar)).size;
  await mkdir(dirname(blobPath(image, digest)), { recursive: true });
  await rename(tar, blobPath(image, digest));
  const configuration = {
    architecture: "amd64",
    os: "linux",
    config: CONFIGURATION,
    rootfs: { type: "layers", diff_ids: [digest] },
  };
  await writeLayout(image, {
    layers: [{ mediaType: TAR_LAYER, digest, sizeBytes }],
    configuration,
    tag: "latest",
  });
}

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest("hex")}`;
}

/** The mirror that this machine's apt uses for Debian itself. */
async function mirror(): Promise<string> {
  const { stdout } = await run("apt-get", [
    "indextargets",
    "--format",
    "$(SITE) $(RELEASE) $(COMPONENT)",
    "Created-By: Packages",
  ]);
  const line = stdout.split("\n").find((target) => target.endsWith(` ${SUITE} main`));
  return line?.split(" ")[0] ?? "http://deb.debian.org/debian";
}

/** apt's proxy: debootstrap fetches with wget, which only knows the environment's. */
async function proxy(): Promise<Record<string, string>> {
  const { stdout } = await run("apt-config", ["shell", "PROXY", "Acquire::http::Proxy"]);
  const found = /^PROXY='([^']+)'/.exec(stdout)?.[1];
  return found === undefined ? {} : { http_proxy: found };
}
