import { join } from "node:path";
import { machineUser } from "../../src/cli/machine-user.ts";
import { QemuDriver } from "../../src/hypervisor/index.ts";
import { ROOT } from "./project-files.ts";

/** The driver that `vch` has. */
export function machineDriver(): QemuDriver {
  return QemuDriver.of(machineUser(join(ROOT, "build/native"), process.env));
}
