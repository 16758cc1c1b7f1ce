import { access, copyFile, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { TetherError } from "../../src/protocol/errors/index.ts";
import { FIXED_ISO_DATE, ISO_VOLUME_ID } from "../fixed-values.ts";
import { BOOT_LOADER_FILES } from "../packages.ts";
import { runTool } from "../run-tool.ts";
import { makeTemporaryFolder } from "../temporary-folder.ts";
import { ISOLINUX_CONFIG } from "./boot-loader-config.ts";
import { makeEfiImage } from "./efi-image.ts";

// Its type in a GPT (UEFI specification, section 5.3.3).
const EFI_SYSTEM_PARTITION = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";

/** The files that the ISO carries under `/boot`. */
export interface IsoContent {
  readonly vmlinuz: string;
  readonly initramfs: string;
  readonly agentImage: string;
}

/**
 * Makes the bootable ISO: as a CD by BIOS (isolinux) and by UEFI (GRUB), and written to a disk by both too
 * (an MBR and a GPT with the EFI system partition).
 */
export async function makeIso(
  content: IsoContent,
  iso: string,
  workFolder: string,
  signal?: AbortSignal,
): Promise<void> {
  for (const file of Object.values(BOOT_LOADER_FILES)) await requireBootLoader(file);
  await using folder = await makeTemporaryFolder(workFolder, "iso-");
  const tree = path.join(folder.path, "tree");
  const boot = path.join(tree, "boot");
  const isolinux = path.join(tree, "isolinux");
  const efiImage = path.join(folder.path, "efi.img");
  await mkdir(boot, { recursive: true });
  await mkdir(isolinux);
  await copyFile(content.vmlinuz, path.join(boot, "vmlinuz"));
  await copyFile(content.initramfs, path.join(boot, "initramfs"));
  await copyFile(content.agentImage, path.join(boot, "agent.erofs"));
  await copyFile(BOOT_LOADER_FILES.isolinux.path, path.join(isolinux, "isolinux.bin"));
  await copyFile(BOOT_LOADER_FILES.ldlinux.path, path.join(isolinux, "ldlinux.c32"));
  await writeFile(path.join(isolinux, "isolinux.cfg"), ISOLINUX_CONFIG);
  await makeEfiImage(efiImage, workFolder, signal);
  await runTool("xorriso", ["-as", "mkisofs", ...isoOptions(efiImage), "-o", iso, tree], { signal });
}

function isoOptions(efiImage: string): string[] {
  return [
    "-quiet",
    ...["-V", ISO_VOLUME_ID, "-iso-level", "3", "-r"],
    // Dates of the volume and of the files, and the GPT's identifiers, which are made from the date.
    ...[`--modification-date=${FIXED_ISO_DATE}`, "--set_all_file_dates", FIXED_ISO_DATE],
    ...["--gpt_disk_guid", "modification-date"],
    // The partition table of Arch Linux's ISO: a valid GPT, where isohybrid's own (-isohybrid-gpt-basdat) has
    // partitions that overlap.
    ...[
      "-isohybrid-mbr",
      BOOT_LOADER_FILES.isohybridMbr.path,
      "--mbr-force-bootable",
      "-partition_offset",
      "16",
    ],
    ...["-append_partition", "2", EFI_SYSTEM_PARTITION, efiImage, "-appended_part_as_gpt"],
    ...["-c", "isolinux/boot.cat", "-b", "isolinux/isolinux.bin"],
    ...["-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"],
    ...["-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot"],
  ];
}

async function requireBootLoader(file: { readonly path: string; readonly package: string }): Promise<void> {
  try {
    await access(file.path);
  } catch (error) {
    throw new TetherError("tool-missing", `${file.path} is missing: apt-get install ${file.package}`, {
      cause: error,
    });
  }
}
