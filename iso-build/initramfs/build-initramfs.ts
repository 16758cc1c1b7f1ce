import { readFile } from "node:fs/promises";
import path from "node:path";
import type { KernelTree } from "../kernel/index.ts";
import { planModules, type Platform, readModuleIndex, takeModules } from "../modules/index.ts";
import { makeTemporaryFolder } from "../temporary-folder.ts";
import { type CpioEntry, writeCpio } from "./cpio-archive.ts";

/** The initramfs, and what its modules can serve. */
export interface Initramfs {
  readonly content: Buffer;
  readonly platforms: readonly Platform[];
}

/** Mount points for stage 0. */
const FOLDERS = ["dev", "mnt", "proc", "run", "sys"] as const;

/**
 * Builds the initramfs: stage 0 as `/init` and the modules with their lists under `/modules`. It stays
 * uncompressed: it is small, and unpacking costs the guest more than reading.
 */
export async function buildInitramfs(
  kernel: KernelTree,
  stage0: string,
  workFolder: string,
  signal?: AbortSignal,
): Promise<Initramfs> {
  const plan = planModules(await readModuleIndex(kernel.modulesFolder));
  await using folder = await makeTemporaryFolder(workFolder, "modules-");
  const modules = await takeModules(kernel.modulesFolder, plan.files, folder.path, signal);
  const entries: CpioEntry[] = [
    ...FOLDERS.map((name) => ({ kind: "folder" as const, path: name })),
    // The kernel opens it for /init's standard streams before anything is mounted.
    { kind: "character-device", path: "dev/console", permissions: 0o600, major: 5, minor: 1 },
    { kind: "file", path: "init", permissions: 0o755, content: await readFile(stage0) },
    { kind: "folder", path: "modules" },
    { kind: "folder", path: "modules/on-demand" },
    ...[...plan.lists].map(([name, text]) => file(`modules/${name}`, Buffer.from(text))),
  ];
  for (const module of modules)
    entries.push(file(`modules/${path.basename(module)}`, await readFile(module)));
  return { content: writeCpio(entries), platforms: plan.platforms };
}

function file(name: string, content: Buffer): CpioEntry {
  return { kind: "file", path: name, permissions: 0o644, content };
}
