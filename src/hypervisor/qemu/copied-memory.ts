import { execFile } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";
import { promisify } from "node:util";
import { TetherError } from "../../protocol/errors/index.ts";
import type { ProcessIdentity } from "./process-identity.ts";

/** What the kernel calls the memory that QEMU makes with memory-backend-memfd. */
const MEMORY_FILE = "/memfd:memory-backend-memfd (deleted)";

/**
 * Fills the memory of a QEMU, which has not touched it, with what a template's file holds; what was never written stays
 * without memory. Some 100 MB take some 100 ms.
 *
 * @param template descriptor of the file.
 * @throws TetherError `hypervisor-failed`.
 */
export async function copyMemory(
  template: number,
  qemu: ProcessIdentity,
  signal: AbortSignal,
): Promise<void> {
  const source = `/proc/${process.pid}/fd/${template}`;
  const target = findMemory(qemu);
  try {
    await promisify(execFile)("cp", ["--sparse=always", "--", source, target], { signal });
  } catch (error) {
    throw TetherError.from(error, "hypervisor-failed", "copying the template's memory");
  }
}

/** Without a name in any file system: it is gone with its QEMU. */
function findMemory({ pid }: ProcessIdentity): string {
  const folder = `/proc/${pid}/fd`;
  const found = readdirSync(folder).find((name) => readlinkSync(`${folder}/${name}`) === MEMORY_FILE);
  if (found !== undefined) return `${folder}/${found}`;
  throw new TetherError("hypervisor-failed", "QEMU has no memory that can be shared");
}
