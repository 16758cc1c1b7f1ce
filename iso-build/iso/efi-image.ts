import { utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { EFI_VOLUME_SERIAL, FIXED_TIME_SECONDS } from "../fixed-values.ts";
import { BOOT_LOADER_FILES } from "../packages.ts";
import { runTool } from "../run-tool.ts";
import { makeTemporaryFolder } from "../temporary-folder.ts";
import { GRUB_CONFIG, GRUB_MODULES } from "./boot-loader-config.ts";

/** Makes the EFI system partition's image: FAT with GRUB at the path that firmware starts on its own. */
export async function makeEfiImage(image: string, workFolder: string, signal?: AbortSignal): Promise<void> {
  await using folder = await makeTemporaryFolder(workFolder, "efi-");
  const loader = path.join(folder.path, "BOOTX64.EFI");
  await makeGrub(loader, folder.path, signal);
  // 1.44 MB, the size of a floppy: the smallest FAT that every firmware reads, and GRUB takes 0.3 MB of it.
  await runTool("mformat", ["-C", "-i", image, "-f", "1440", "-N", EFI_VOLUME_SERIAL, "::"], { signal });
  await runTool("mmd", ["-i", image, "::/EFI", "::/EFI/BOOT"], { signal });
  await runTool("mcopy", ["-m", "-i", image, loader, "::/EFI/BOOT/BOOTX64.EFI"], { signal });
}

async function makeGrub(loader: string, folder: string, signal: AbortSignal | undefined): Promise<void> {
  const config = path.join(folder, "grub.cfg");
  await writeFile(config, GRUB_CONFIG);
  const modules = ["-d", BOOT_LOADER_FILES.grubModules.path];
  await runTool(
    "grub-mkimage",
    ["-O", "x86_64-efi", ...modules, "-p", "/boot/grub", "-c", config, "-o", loader, ...GRUB_MODULES],
    { signal },
  );
  await utimes(loader, FIXED_TIME_SECONDS, FIXED_TIME_SECONDS);
}
