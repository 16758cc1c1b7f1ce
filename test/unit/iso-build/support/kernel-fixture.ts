import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type KernelTree, unpackDebianKernel } from "../../../../iso-build/kernel/index.ts";
import { loadOrder, moduleName, readModuleIndex } from "../../../../iso-build/modules/index.ts";

/** The folder that set-up fills: tests don't download the kernel a second time. */
export const KERNEL_CACHE = path.join(import.meta.dirname, "../../../../build/kernel-cache");

/** A fresh folder for one test file; `removeFolder` at its end. */
export function makeFolder(): string {
  return mkdtempSync(path.join(tmpdir(), "tether-iso-build-test-"));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** A small dynamic agent and a static stage 0, so that builds are quick. */
export function makeExecutables(folder: string): { agent: string; stage0: string } {
  const agent = path.join(folder, "agent");
  copyFileSync("/bin/true", agent);
  const source = path.join(folder, "stage0.c");
  const stage0 = path.join(folder, "stage0");
  writeFileSync(source, "int main(void) { return 0; }\n");
  execFileSync("cc", ["-static", "-Os", "-s", "-o", stage0, source]);
  return { agent, stage0 };
}

export async function unpackKernel(folder: string): Promise<KernelTree> {
  const root = path.join(folder, "debian-kernel");
  mkdirSync(root);
  return unpackDebianKernel(KERNEL_CACHE, root);
}

export interface PhotonRpm {
  /** Modules that the RPM carries as files, with all that they need. */
  readonly loadable: readonly string[];
  /** Modules that its modules.builtin names. */
  readonly builtIn: readonly string[];
  readonly modulesParent: "usr/lib/modules" | "lib/modules";
  readonly compression: "xz" | "zst";
}

/** The version in Photon's form. */
export const PHOTON_VERSION = "6.1.99-1.ph5-esx";

/** Makes an RPM in the layout of Photon OS's linux-esx, from the files of Debian's kernel. */
export async function makePhotonRpm(kernel: KernelTree, folder: string, rpm: PhotonRpm): Promise<string> {
  const root = path.join(folder, "root");
  mkdirSync(path.join(root, "boot"), { recursive: true });
  copyFileSync(kernel.imagePath, path.join(root, "boot", `vmlinuz-${PHOTON_VERSION}`));
  const modules = path.join(root, rpm.modulesParent, PHOTON_VERSION);
  const index = await readModuleIndex(kernel.modulesFolder);
  for (const file of loadOrder(index, rpm.loadable)) {
    // A dependency that the fixture builds in is no file there.
    if (rpm.builtIn.includes(moduleName(file))) continue;
    const target = path.join(modules, file);
    mkdirSync(path.dirname(target), { recursive: true });
    copyFileSync(path.join(kernel.modulesFolder, file), target);
    if (rpm.compression === "xz") execFileSync("xz", ["-0", "--check=crc32", target]);
    else execFileSync("zstd", ["-q", "--rm", target]);
  }
  writeFileSync(
    path.join(modules, "modules.builtin"),
    rpm.builtIn.map((name) => `kernel/drivers/${name}.ko\n`).join(""),
  );
  writeFileSync(path.join(modules, "modules.order"), "");
  return packRpm(root, folder);
}

function packRpm(root: string, folder: string): string {
  const spec = path.join(folder, "linux-esx.spec");
  writeFileSync(
    spec,
    [
      "Name: linux-esx",
      "Version: 6.1.99",
      "Release: 1.ph5",
      "Summary: Kernel",
      "License: GPLv2",
      "%description",
      "Kernel",
      "%install",
      `cp -a ${root}/. %{buildroot}/`,
      "%files",
      ...readdirSync(root).map((name) => `/${name}`),
    ].join("\n"),
  );
  const defines = {
    _topdir: path.join(folder, "rpmbuild"),
    _rpmdir: folder,
    _build_id_links: "none",
    __os_install_post: "%{nil}",
    debug_package: "%{nil}",
    _binary_payload: "w1.zstdio",
  };
  const args = Object.entries(defines).flatMap(([name, value]) => ["-D", `${name} ${value}`]);
  execFileSync("rpmbuild", ["-bb", "--target", "x86_64", "--quiet", ...args, spec], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  return path.join(folder, "x86_64/linux-esx-6.1.99-1.ph5.x86_64.rpm");
}
