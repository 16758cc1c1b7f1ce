import { TetherError } from "../../protocol/errors/index.ts";
import { CONFIGURATION_ITEM } from "../../protocol/link-names.ts";
import type { System } from "../../system/system.ts";

/**
 * Reads the configuration out of QEMU's fw_cfg. The document holds the link's private key: no driver is loaded
 * that would show it to the container.
 *
 * @throws TetherError `guest-initialisation` when there is no document.
 */
export function readFwCfgConfiguration(system: System): Uint8Array {
  const document = system.readFwCfg(CONFIGURATION_ITEM);
  if (document === undefined) {
    throw new TetherError(
      "guest-initialisation",
      `no configuration: the VM has no fw_cfg item ${CONFIGURATION_ITEM}`,
    );
  }
  return document;
}
