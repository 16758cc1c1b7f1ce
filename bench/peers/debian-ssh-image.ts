import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { blobPath, TAR_LAYER, writeLayout } from "../../src/portlayer/storage/layout-writer.ts";
import { type BenchHost, ROOT } from "../bench-host.ts";
import { refuseMissing, systemEnvironment } from "./find-missing.ts";

const run = promisify(execFile);

const SUITE = "bookworm";
const PACKAGES = ["openssh-server", "socat"];
const MIRROR = "http://deb.debian.org/debian";

/** Of no use to a container. */
const LEFT_OUT = ["./var/cache/apt/archives/*", "./var/lib/apt/lists/*", "./usr/share/doc/*", "./dev/*"];

/**
 * A Debian image with OpenSSH's server, made by debootstrap: `oci:DIR:latest`. The first call takes half a minute
 * and the network; later ones find it under `build/bench`.
 *
 * @throws Error when debootstrap is not installed.
 */
export async function debianSshImage({ signal, report }: BenchHost): Promise<string> {
  const recipe = createHash("sha256").update(await readFile(import.meta.filename));
  const folder = join(ROOT, "build/bench", `debian-ssh-${recipe.digest("hex").slice(0, 12)}`);
  if (!existsSync(folder)) {
    refuseMissing({ debootstrap: "debootstrap", tar: "tar" });
    report("making a Debian image with OpenSSH's server");
    await build(folder, signal);
  }
  return `oci:${folder}:latest`;
}

async function build(folder: string, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(`${folder}.`);
  try {
    const root = join(work, "root");
    const words = ["--variant=minbase", `--include=${PACKAGES.join(",")}`, SUITE, root, MIRROR];
    const env = { ...systemEnvironment(), ...(await aptProxy()) };
    await run("debootstrap", words, { signal, env, maxBuffer: 1 << 26 });
    await writeImage(root, join(work, "image"), signal);
    await rename(join(work, "image"), folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function writeImage(root: string, image: string, signal: AbortSignal): Promise<void> {
  const tar = join(image, "layer.tar");
  await mkdir(image);
  await chmod(image, 0o755);
  const excluded = LEFT_OUT.map((pattern) => `--exclude=${pattern}`);
  // Names are the image's own, not this machine's: numbers only.
  await run("tar", ["-C", root, "--numeric-owner", ...excluded, "-cf", tar, "."], { signal });
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(tar)) hash.update(chunk as Buffer);
  const digest = `sha256:${hash.digest("hex")}`;
  const sizeBytes = (await stat(tar)).size;
  await mkdir(dirname(blobPath(image, digest)), { recursive: true });
  await rename(tar, blobPath(image, digest));
  await writeLayout(image, {
    layers: [{ mediaType: TAR_LAYER, digest, sizeBytes }],
    configuration: {
      architecture: "amd64",
      os: "linux",
      config: { Cmd: ["sleep", "1000000"], WorkingDir: "/" },
      rootfs: { type: "layers", diff_ids: [digest] },
    },
    tag: "latest",
  });
}

/** debootstrap fetches with wget, which knows only the environment's proxy. */
async function aptProxy(): Promise<NodeJS.ProcessEnv> {
  const { stdout } = await run("apt-config", ["shell", "PROXY", "Acquire::http::Proxy"]);
  const proxy = /^PROXY='([^']+)'/.exec(stdout)?.[1];
  return proxy === undefined ? {} : { http_proxy: proxy };
}
