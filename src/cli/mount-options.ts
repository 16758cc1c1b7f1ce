import type { Command } from "commander";
import { type MountSettings, parseMounts, parseSize } from "../portlayer/execution/index.ts";

/** What commander makes of Docker's options of a container's mounts. */
export interface MountOptions {
  readonly volume: readonly string[];
  readonly mount: readonly string[];
  readonly tmpfs: readonly string[];
}

type Collect = (value: string, previous: readonly string[]) => string[];

/** Adds the options that say what a container has mounted. */
export function addMountOptions(command: Command, collect: Collect): Command {
  return command
    .option(
      "-v, --volume <volume>",
      "mount a volume or a folder of this machine: [NAME:]PATH[:ro,nocopy], SOURCE:PATH[:ro]",
      collect,
      [],
    )
    .option(
      "--mount <mount>",
      "mount: type=volume|bind|tmpfs,src=NAME|SOURCE,dst=PATH[,readonly,volume-nocopy,volume-subpath=PATH]",
      collect,
      [],
    )
    .option("--tmpfs <path>", "mount memory: PATH[:size=64m,mode=1777,exec]", collect, []);
}

/** @throws TetherError `invalid-option`. */
export function makeMounts({ volume, mount, tmpfs }: MountOptions): MountSettings[] {
  return parseMounts({ volumes: volume, mounts: mount, tmpfs }, parseSize);
}
