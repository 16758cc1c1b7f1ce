import { TetherError } from "../../protocol/errors/index.ts";
import { CONFIGURATION_ITEM } from "../../protocol/link-names.ts";
import type { System } from "../../system/system.ts";
import type { ConfigurationSource } from "./configuration-source.ts";

/**
 * QEMU's fw_cfg. The document holds the link's private key: no driver is loaded that would show it to the container,
 * and user mode without I/O privilege does not reach the ports.
 */
export class FwCfgSource implements ConfigurationSource {
  readonly name = `fw_cfg (${CONFIGURATION_ITEM})`;
  readonly #system: Pick<System, "readFwCfg">;

  constructor(system: Pick<System, "readFwCfg">) {
    this.#system = system;
  }

  async read(): Promise<Uint8Array | undefined> {
    try {
      return this.#system.readFwCfg(CONFIGURATION_ITEM);
    } catch (error) {
      throw TetherError.from(
        error,
        "guest-initialisation",
        `the configuration in ${this.name} cannot be read`,
      );
    }
  }
}
