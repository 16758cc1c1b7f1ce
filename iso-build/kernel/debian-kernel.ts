import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rename } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { TetherError } from "../../src/protocol/errors/index.ts";
import { runTool } from "../run-tool.ts";
import { makeTemporaryFolder } from "../temporary-folder.ts";
import { findKernel, type KernelTree } from "./kernel-tree.ts";

/** Debian's kernel for virtual machines: it has virtio, pvscsi and vmxnet3, and little else. */
export const CLOUD_KERNEL = "linux-image-cloud-amd64";

/** What apt knows of the kernel package. */
interface AvailableKernel {
  readonly name: string;
  readonly sha256: string;
  readonly fileName: string;
}

/**
 * Unpacks one of Debian's current kernels into `folder`; nothing is installed. The package is downloaded into
 * `cache` unless it is there already. Without package lists (`apt-get update` never ran) the newest package
 * of the kind in the cache serves.
 *
 * @param metaPackage the package that depends on the current one: {@link CLOUD_KERNEL}, `linux-image-amd64`.
 */
export async function unpackDebianKernel(
  cache: string,
  folder: string,
  metaPackage: string = CLOUD_KERNEL,
  signal?: AbortSignal,
): Promise<KernelTree> {
  const packagePath = await obtainPackage(cache, metaPackage, signal);
  await runTool("dpkg-deb", ["-x", packagePath, folder], { signal });
  return findKernel(folder, path.basename(packagePath), signal);
}

async function obtainPackage(
  cache: string,
  metaPackage: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const available = await askApt(metaPackage, signal);
  if (available === undefined) return newestInCache(cache, metaPackage);
  const cached = path.join(cache, available.fileName);
  if ((await sha256OfFile(cached)) !== available.sha256) await download(available, cache, cached, signal);
  return cached;
}

/** Undefined when apt knows no such package. */
async function askApt(
  metaPackage: string,
  signal: AbortSignal | undefined,
): Promise<AvailableKernel | undefined> {
  const depends = await aptCache(["depends", "--important", metaPackage], signal);
  const name = /^\s*Depends: (linux-image-\d\S*)$/m.exec(depends)?.[1];
  if (name === undefined) return undefined;
  const record = await aptCache(["show", "--no-all-versions", name], signal);
  const version = /^Version: (\S+)$/m.exec(record)?.[1];
  const sha256 = /^SHA256: ([0-9a-f]{64})$/m.exec(record)?.[1];
  if (version === undefined || sha256 === undefined) return undefined;
  // apt writes the colon of an epoch as %3a in file names.
  return { name, sha256, fileName: `${name}_${version.replace(":", "%3a")}_amd64.deb` };
}

async function aptCache(args: readonly string[], signal: AbortSignal | undefined): Promise<string> {
  try {
    return (await runTool("apt-cache", args, { signal })).stdout;
  } catch (error) {
    // apt-cache fails for a package that it does not know; the caller handles that as an empty answer.
    if (error instanceof TetherError && error.code === "not-set-up") return "";
    throw error;
  }
}

async function download(
  kernel: AvailableKernel,
  cache: string,
  target: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await mkdir(cache, { recursive: true });
  await using folder = await makeTemporaryFolder(cache, ".download-");
  // Without the option apt warns, as root, that its user _apt cannot write into the folder.
  await runTool("apt-get", ["download", "-q", "-o", "APT::Sandbox::User=root", kernel.name], {
    cwd: folder.path,
    signal,
  });
  const downloaded = path.join(folder.path, kernel.fileName);
  if ((await sha256OfFile(downloaded)) !== kernel.sha256) {
    throw new TetherError(
      "not-set-up",
      `apt-get downloaded another ${kernel.name} than it announced: run \`apt-get update\``,
    );
  }
  await rename(downloaded, target);
}

async function newestInCache(cache: string, metaPackage: string): Promise<string> {
  const names = await readdir(cache).catch(() => []); // No cache yet is an empty one.
  const byVersion = new Intl.Collator("en", { numeric: true });
  const newest = names
    .filter((name) => flavourOf(name) === metaPackage)
    .sort(byVersion.compare)
    .at(-1);
  if (newest === undefined)
    throw new TetherError("not-set-up", `apt knows no package ${metaPackage}: run \`apt-get update\``);
  return path.join(cache, newest);
}

/** `linux-image-6.1.0-56-cloud-amd64_….deb` is what `linux-image-cloud-amd64` depends on. */
function flavourOf(fileName: string): string | undefined {
  const [, flavour] = /^linux-image-\d[\d.]*-\d+-([a-z0-9-]+)_.*\.deb$/.exec(fileName) ?? [];
  return flavour && `linux-image-${flavour}`;
}

/** Undefined when there is no such file. */
async function sha256OfFile(file: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(file), hash);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw TetherError.from(error, "not-set-up", `cannot read ${file}`);
  }
  return hash.digest("hex");
}
