import { existsSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { MountNamespace, System } from "../system/system.ts";
import { CONTAINER_ROOT, RUN_DIRECTORY, VOLUMES_FOLDER } from "./agent-mounts.ts";
import { MNT_DETACH, MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC } from "./mount-flags.ts";

/** Where an agent image is mounted until it becomes the root. */
const IMAGES = `${RUN_DIRECTORY}/tether/images`;

/**
 * What an agent needs in its root, beside the image. Memory and file systems are the same ones; /run is taken alone,
 * because the images are mounted in it.
 */
const AGENT_MOUNTS: ReadonlyArray<readonly [path: string, flags: number]> = [
  ["/dev", MS_BIND | MS_REC],
  ["/proc", MS_BIND | MS_REC],
  ["/sys", MS_BIND | MS_REC],
  [RUN_DIRECTORY, MS_BIND],
  [CONTAINER_ROOT, MS_BIND | MS_REC],
];

/** Mounts an agent image as stage 0 does. @returns where. */
export function mountAgentImage(system: System, device: string, name: string): string {
  const image = join(IMAGES, name);
  mkdirSync(image, { recursive: true, mode: 0o700 });
  system.mount(device, image, "erofs", MS_RDONLY | MS_NODEV | MS_NOSUID, null);
  return image;
}

/** Gives a mounted image what its agent needs to go on with the container. */
export function provideAgentMounts(system: System, image: string): void {
  for (const [path, flags] of AGENT_MOUNTS) system.mount(path, image + path, null, flags, null);
  if (existsSync(VOLUMES_FOLDER))
    system.mount(VOLUMES_FOLDER, image + VOLUMES_FOLDER, null, MS_BIND | MS_REC, null);
}

/**
 * A mount namespace whose root is the image, in which its agent can run for a trial: it sees neither the agent's
 * memory nor the container.
 *
 * @param run what it has in place of /run.
 */
export function makeTrialNamespace(system: System, image: string, run: string): MountNamespace {
  const bind = (source: string, path: string) =>
    ({ do: "mount", source, target: image + path, type: null, flags: MS_BIND }) as const;
  const safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  return system.createMountNamespace(image, [
    bind("/dev", "/dev"),
    { do: "mount", source: "proc", target: `${image}/proc`, type: "proc", flags: safe },
    bind(run, RUN_DIRECTORY),
  ]);
}

/** Unmounts every image that is not the root, with all that is mounted in it. */
export function removeAgentImages(system: System): void {
  if (!existsSync(IMAGES)) return;
  for (const name of readdirSync(IMAGES)) {
    const image = join(IMAGES, name);
    try {
      system.unmount(image, MNT_DETACH);
    } catch {
      // It has become the root, or was never mounted.
    }
    rmdirSync(image);
  }
}
