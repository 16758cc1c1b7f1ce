import { closeSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { RUN_DIRECTORY } from "../agent-mounts.ts";
import { DEVICE_FOLDERS } from "../block-devices.ts";
import { KernelModules, MODULES_FOLDER } from "../kernel-modules.ts";
import type { VolumeConfiguration } from "./configuration.ts";
import { openContent } from "./content.ts";
import { findDisks, isBlock } from "./disks.ts";
import { describeTarget } from "./target.ts";
import { FOLDERS, type VolumeParts, Volumes } from "./volumes.ts";

const FOLDER = `${RUN_DIRECTORY}/tether/rehearsal`;

/** The compiler looks at what has run before, not at what has run once (as for the network). */
const REHEARSALS = 3;

/**
 * For a template, whose disks are nobody's: looks for the volumes that are on disks and, in a folder, for what they hold, mounts those that are in memory,
 * attaches them to a folder of the agent's own, and takes everything away again.
 *
 * @param usual each with a target of its own.
 * @throws TetherError as {@link Volumes.mount} and {@link Volumes.attach}.
 */
export async function rehearseVolumes(
  parts: VolumeParts,
  usual: readonly VolumeConfiguration[],
): Promise<void> {
  const root = join(FOLDER, "root");
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const target = { namespace: openSync("/proc/self/ns/mnt", "r"), root: openSync(root, "r") };
  try {
    for (let round = 0; round < REHEARSALS; round += 1) await rehearse(parts, usual, target, root);
  } finally {
    closeSync(target.namespace);
    closeSync(target.root);
    rmSync(FOLDER, { recursive: true });
  }
}

async function rehearse(
  parts: VolumeParts,
  usual: readonly VolumeConfiguration[],
  target: { readonly namespace: number; readonly root: number },
  root: string,
): Promise<void> {
  const { system } = parts;
  const modules = new KernelModules(system, MODULES_FOLDER);
  const search = {
    system,
    modules,
    sysfs: FOLDERS.sysfs,
    folders: DEVICE_FOLDERS,
    excluded: new Set<number>(),
  };
  const onDisks = usual.filter(isBlock);
  await findDisks(search, onDisks);
  const disk = join(FOLDER, "disk");
  mkdirSync(disk, { recursive: true });
  for (const volume of onDisks)
    closeSync(await openContent(volume, disk, { ...parts, layer: root, isShared: false }));
  const inMemory = usual.filter((volume) => !isBlock(volume));
  const volumes = new Volumes({
    ...parts,
    folders: { ...FOLDERS, state: join(FOLDER, "state"), layer: root },
  });
  await volumes.mount(inMemory);
  volumes.attach(target);
  for (const each of inMemory)
    system.detachMount(target.namespace, Buffer.from(root + describeTarget(each.target)), 0);
  await volumes.release();
}
