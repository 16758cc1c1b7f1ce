import { ByteSource, packTree, TarReader, unpackTree } from "../protocol/archive/index.ts";
import type { System } from "../system/system.ts";
import { systemFileCalls } from "./system-file-calls.ts";

/**
 * Copies what is in a folder into another one: owners, modes, times, extended attributes, hard links among its files,
 * holes, devices. Links are copied, never followed.
 *
 * @param source descriptor of the folder.
 * @param target descriptor of the folder that gets it; its own owner and mode stay.
 * @throws TetherError that names what could not be copied.
 */
export async function copyFolder(system: System, source: number, target: number): Promise<void> {
  const calls = systemFileCalls(system);
  const archive = packTree({ directory: source, name: ".", archiveName: "." }, calls);
  await unpackTree(target, new TarReader(new ByteSource(archive)), {
    calls,
    keepsDirectories: false,
    owner: "as-archived",
    keepsSetId: true,
  });
}
