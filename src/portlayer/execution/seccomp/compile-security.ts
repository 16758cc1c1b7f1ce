import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ALL_CAPABILITIES, effectiveCapabilities } from "../../../protocol/capabilities.ts";
import type { SecuritySettings } from "../container-settings.ts";
import { compileProfile } from "./compile-profile.ts";

/** What iso-build writes beside a kernel. */
const manifestSchema = z.object({ kernelVersion: z.string() });

/**
 * Completes the settings of a container that has a seccomp profile of its own by the filter for its capabilities and
 * for the kernel that it will have.
 *
 * @param bootFolder iso-build's output folder.
 * @throws TetherError `invalid-option` for a profile that is none.
 */
export function compileSecurity(security: SecuritySettings, bootFolder: string): SecuritySettings {
  const { seccompProfile, privileged, capAdd, capDrop } = security;
  if (seccompProfile === undefined) return security;
  const manifest: unknown = JSON.parse(readFileSync(join(bootFolder, "manifest.json"), "utf8"));
  const capabilities = privileged
    ? ALL_CAPABILITIES
    : effectiveCapabilities({ capabilitiesAdded: capAdd, capabilitiesDropped: capDrop });
  const { kernelVersion } = manifestSchema.parse(manifest);
  const program = compileProfile(seccompProfile, { capabilities, kernelVersion });
  return { ...security, seccompProgram: program.toString("base64") };
}
