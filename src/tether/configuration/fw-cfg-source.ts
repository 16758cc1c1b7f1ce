import { existsSync, readFileSync } from "node:fs";
import { CONFIGURATION_ITEM } from "../../protocol/link-names.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";

/** The kernel's view of fw_cfg (Documentation/ABI/testing/sysfs-firmware-qemu_fw_cfg). */
const ITEMS = "/sys/firmware/qemu_fw_cfg/by_name";
const MODULE = "qemu_fw_cfg";

/**
 * Takes the configuration out of QEMU's fw_cfg and the driver out of the kernel: the document holds the
 * link's private key, which the container's process must not be able to read.
 *
 * @throws TetherError `guest-initialisation` when there is no document.
 */
export function takeFwCfgConfiguration(system: System, items: string = ITEMS): Uint8Array {
  const path = `${items}/${CONFIGURATION_ITEM}/raw`;
  if (!existsSync(path)) {
    throw new TetherError(
      "guest-initialisation",
      `no configuration: the VM has no fw_cfg item ${CONFIGURATION_ITEM}`,
    );
  }
  const document = readFileSync(path);
  system.unloadModule(MODULE);
  return document;
}
