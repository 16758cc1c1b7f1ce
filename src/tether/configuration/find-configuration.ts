import { readFileSync } from "node:fs";
import { TetherError } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import type { ConfigurationSource } from "./configuration-source.ts";
import { FileSource } from "./file-source.ts";
import { FwCfgSource } from "./fw-cfg-source.ts";

/** A document and where it was found. */
export interface FoundConfiguration {
  readonly document: Uint8Array;
  readonly source: ConfigurationSource;
}

/**
 * Looks for the configuration: in fw_cfg, in guestinfo where the hypervisor is VMware, in the file that the kernel's
 * command line names.
 *
 * @param guestinfo undefined elsewhere than on VMware.
 * @throws TetherError `guest-initialisation`, which names every place where none was; or what a source throws.
 */
export function findConfiguration(
  system: System,
  guestinfo: ConfigurationSource | undefined,
): Promise<FoundConfiguration> {
  const file = new FileSource(system, readFileSync("/proc/cmdline", "utf8"));
  return findFirst([new FwCfgSource(system), ...(guestinfo === undefined ? [] : [guestinfo]), file]);
}

/** Asks one source after the other; the first that has a document is the machine's. */
export async function findFirst(sources: readonly ConfigurationSource[]): Promise<FoundConfiguration> {
  for (const source of sources) {
    const document = await source.read();
    if (document !== undefined) return { document, source };
  }
  const places = sources.map(({ name }) => name).join(", ");
  throw new TetherError("guest-initialisation", `no configuration: it was looked for in ${places}`);
}
