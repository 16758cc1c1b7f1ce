import { copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { TetherError } from "../src/protocol/errors/index.ts";
import { libraryClosure, makeErofs, stageAgentTree } from "./agent-image/index.ts";
import { buildInitramfs } from "./initramfs/index.ts";
import { requireExecutable, requireFile } from "./input-file.ts";
import { makeIso } from "./iso/index.ts";
import { extractVmlinux, type KernelTree, unpackDebianKernel, unpackRpmKernel } from "./kernel/index.ts";
import { type BootMediumManifest, describeFiles } from "./manifest.ts";
import { takeAgentModules } from "./modules/index.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

/** The inputs of a build. */
export interface BootMediumOptions {
  /** The agent's executable. */
  readonly agent: string;
  /** Stage 0's executable, static. */
  readonly stage0: string;
  /** The folder that gets the outputs; made when it is not there. */
  readonly out: string;
  /** List of the parts of the agent to read ahead, put into the agent image as `/prefetch`. */
  readonly prefetch?: string | undefined;
  /** Static program that dhcpcd tells its events; without it the agent image has no DHCP client. */
  readonly dhcpEvent?: string | undefined;
  /** Whether the agent image has mke2fs and mkfs.xfs. */
  readonly hasFormatters?: boolean | undefined;
  /** A kernel RPM to take instead of Debian's kernel. */
  readonly kernelRpm?: string | undefined;
  /** Another of Debian's kernels: `linux-image-amd64`. */
  readonly kernelPackage?: string | undefined;
  /** Where Debian's kernel package is kept between builds. */
  readonly kernelCache: string;
  /** False leaves the ISO out. */
  readonly iso: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told each step's name as it starts. */
  readonly onProgress?: ((step: string) => void) | undefined;
}

const MANIFEST = "manifest.json";
const VMLINUX = "vmlinux";
const ISO = "tether.iso";

/**
 * Builds the boot medium into `options.out`: vmlinuz, vmlinux (when the kernel can be booted so), initramfs,
 * agent.erofs, tether.iso and manifest.json.
 * The outputs appear by rename, the manifest last, and only when all were made; a failed build leaves those of
 * the build before it alone, and no temporary file.
 */
export async function buildBootMedium(options: BootMediumOptions): Promise<BootMediumManifest> {
  await requireInputs(options);
  await makeOutputFolder(options.out);
  // In the output folder, so that the renames at the end stay on one file system.
  await using work = await makeTemporaryFolder(options.out, ".build-");
  const made = path.join(work.path, "made");
  await mkdir(made);

  const modules = path.join(work.path, "agent-modules");
  const { version, platforms, hasVmlinux } = await makeKernelAndInitramfs(options, work.path, made, modules);
  await makeAgentImages(options, work.path, made, modules);
  const names = [
    "vmlinuz",
    "initramfs",
    "agent.erofs",
    ...(hasVmlinux ? [VMLINUX] : []),
    ...(options.iso ? [ISO] : []),
  ];
  const manifest = { kernelVersion: version, platforms, files: await describeFiles(made, names) };
  await writeFile(path.join(made, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);

  for (const name of [...names, MANIFEST]) await rename(path.join(made, name), path.join(options.out, name));
  // Those of an earlier build would not belong to this manifest.
  for (const name of [VMLINUX, ISO].filter((optional) => !names.includes(optional))) {
    await rm(path.join(options.out, name), { force: true });
  }
  return manifest;
}

async function requireInputs(options: BootMediumOptions): Promise<void> {
  await requireExecutable("agent", options.agent);
  await requireExecutable("stage 0", options.stage0);
  if ((await libraryClosure(options.stage0, options.signal)).length > 0) {
    throw new TetherError(
      "not-set-up",
      `stage 0 ${options.stage0} must be linked statically: nothing else is in the initramfs`,
    );
  }
  if (options.prefetch !== undefined) await requireFile("prefetch list", options.prefetch);
  if (options.dhcpEvent !== undefined) await requireExecutable("DHCP event program", options.dhcpEvent);
  if (options.kernelRpm !== undefined) await requireFile("kernel RPM", options.kernelRpm);
}

async function makeOutputFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw TetherError.from(error, "not-set-up", `cannot make the output folder ${folder}`);
  }
}

/** @param modules gets the modules that go into the agent's image. */
async function makeKernelAndInitramfs(
  options: BootMediumOptions,
  work: string,
  made: string,
  modules: string,
) {
  const { signal, onProgress } = options;
  await using folder = await makeTemporaryFolder(work, "kernel-");
  onProgress?.("kernel");
  const kernel = await unpackKernel(options, folder.path);
  await copyFile(kernel.imagePath, path.join(made, "vmlinuz"));
  const vmlinux = extractVmlinux(await readFile(kernel.imagePath));
  if (vmlinux !== undefined) await writeFile(path.join(made, VMLINUX), vmlinux);
  onProgress?.("initramfs");
  const initramfs = await buildInitramfs(kernel, options.stage0, work, signal);
  await takeAgentModules(kernel.modulesFolder, modules, signal);
  await writeFile(path.join(made, "initramfs"), initramfs.content);
  return { version: kernel.version, platforms: initramfs.platforms, hasVmlinux: vmlinux !== undefined };
}

function unpackKernel(
  { kernelRpm, kernelPackage, kernelCache, signal }: BootMediumOptions,
  folder: string,
): Promise<KernelTree> {
  return kernelRpm === undefined
    ? unpackDebianKernel(kernelCache, folder, kernelPackage, signal)
    : unpackRpmKernel(kernelRpm, folder, signal);
}

/** The image for direct boot and, in the ISO, the same tree compressed. */
async function makeAgentImages(
  options: BootMediumOptions,
  work: string,
  made: string,
  modules: string,
): Promise<void> {
  const { signal, onProgress } = options;
  await using tree = await makeTemporaryFolder(work, "agent-");
  onProgress?.("agent image");
  await stageAgentTree({ ...options, modules }, tree.path, signal);
  await makeErofs(tree.path, path.join(made, "agent.erofs"), "plain", signal);
  if (!options.iso) return;
  onProgress?.("ISO");
  const agentImage = path.join(work, "compressed.erofs");
  await makeErofs(tree.path, agentImage, "compressed", signal);
  const content = {
    vmlinuz: path.join(made, "vmlinuz"),
    initramfs: path.join(made, "initramfs"),
    agentImage,
  };
  await makeIso(content, path.join(made, ISO), work, signal);
}
