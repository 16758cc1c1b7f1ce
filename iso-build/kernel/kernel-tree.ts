import { readdir } from "node:fs/promises";
import path from "node:path";
import { TetherError } from "../../src/protocol/errors/index.ts";
import { runTool } from "../run-tool.ts";

/** A kernel package, unpacked. */
export interface KernelTree {
  /** What `uname -r` will say. */
  readonly version: string;
  /** The compressed kernel (bzImage). */
  readonly imagePath: string;
  /** `…/lib/modules/VERSION`, with the index files that depmod makes. */
  readonly modulesFolder: string;
}

/**
 * Finds the kernel in an unpacked package and runs depmod on its modules.
 * `source` names the package in errors. The layouts known: Debian's (`/boot`, `/lib/modules`) and Photon's
 * (`/boot`, `/usr/lib/modules` or `/lib/modules`).
 */
export async function findKernel(root: string, source: string, signal?: AbortSignal): Promise<KernelTree> {
  const { version, imagePath } = await findImage(root, source);
  for (const base of [root, path.join(root, "usr")]) {
    const modulesFolder = path.join(base, "lib/modules", version);
    if (!(await listFolder(path.join(modulesFolder))).includes("kernel")) continue;
    await runTool("depmod", ["-b", base, version], { signal });
    return { version, imagePath, modulesFolder };
  }
  throw new TetherError(
    "not-set-up",
    `${source} has no modules for kernel ${version} in /lib/modules or /usr/lib/modules`,
  );
}

async function findImage(root: string, source: string): Promise<{ version: string; imagePath: string }> {
  const boot = path.join(root, "boot");
  const images = (await listFolder(boot)).filter((name) => name.startsWith("vmlinuz-"));
  const [image] = images;
  if (image === undefined)
    throw new TetherError("not-set-up", `${source} is no kernel package: it has no /boot/vmlinuz-VERSION`);
  if (images.length > 1)
    throw new TetherError("not-set-up", `${source} has several kernels: ${images.sort().join(", ")}`);
  return { version: image.slice("vmlinuz-".length), imagePath: path.join(boot, image) };
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    // A folder that is not there holds nothing; the caller says what it looked for.
    return [];
  }
}
