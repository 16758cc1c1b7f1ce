import { accessSync, constants, readFileSync } from "node:fs";
import { TetherError } from "../../protocol/errors/index.ts";
import type { AccelerationRequest } from "../driver.ts";

/** Where the facts about virtualisation are read; other files in tests. */
export interface VirtualisationFacts {
  readonly device: string;
  readonly cpuInfo: string;
}

const FACTS: VirtualisationFacts = { device: "/dev/kvm", cpuInfo: "/proc/cpuinfo" };

/**
 * Decides how to accelerate. A `/dev/kvm` alone proves nothing: under a nested hypervisor without hardware
 * virtualisation it opens, and guests hang (measured), so the processor must show vmx or svm too.
 *
 * @param whyNotForMachines why the users of machines cannot use it.
 * @throws TetherError `acceleration-unavailable` when KVM was asked for and cannot be opened.
 */
export function chooseAcceleration(
  request: AccelerationRequest,
  facts: VirtualisationFacts = FACTS,
  whyNotForMachines: () => string | undefined = () => undefined,
): "kvm" | "tcg" {
  if (request === "tcg") return "tcg";
  const reason = whyNoKvm(facts) ?? whyNotForMachines();
  if (reason === undefined) return "kvm";
  if (request === "kvm") throw new TetherError("acceleration-unavailable", `KVM cannot be used: ${reason}`);
  return "tcg";
}

/** Why KVM cannot be used on this machine; undefined when it can. */
export function whyNoKvm({ device, cpuInfo }: VirtualisationFacts = FACTS): string | undefined {
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const hasHardware = /^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync(cpuInfo, "utf8"));
  return hasHardware ? undefined : "the processor shows no hardware virtualisation (vmx or svm)";
}
