import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { readModuleIndex } from "./module-index.ts";
import { planAgentModules } from "./module-plan.ts";
import { takeModules } from "./take-modules.ts";

/**
 * Fills `folder` with the modules that the agent loads when a container needs them, and their lists.
 *
 * @param modulesFolder the kernel's.
 */
export async function takeAgentModules(
  modulesFolder: string,
  folder: string,
  signal?: AbortSignal,
): Promise<void> {
  const { files, lists } = planAgentModules(await readModuleIndex(modulesFolder));
  await mkdir(folder, { recursive: true });
  await takeModules(modulesFolder, files, folder, signal);
  for (const [name, content] of lists) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), content);
  }
}
