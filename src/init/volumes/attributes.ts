import type { MountAttributes } from "../../system/system.ts";
import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  MS_PRIVATE,
  MS_SHARED,
  MS_SLAVE,
} from "../mount-flags.ts";
import type { Propagation, VolumeConfiguration } from "./configuration.ts";

const OPTIONS: Readonly<Record<string, number>> = {
  nosuid: MOUNT_ATTR_NOSUID,
  nodev: MOUNT_ATTR_NODEV,
  noexec: MOUNT_ATTR_NOEXEC,
  noatime: MOUNT_ATTR_NOATIME,
};

const PROPAGATIONS: Readonly<Record<Propagation, number>> = {
  private: MS_PRIVATE,
  shared: MS_SHARED,
  slave: MS_SLAVE,
};

/** How the container's mount of a volume is different from the agent's. */
export function attributesOf({ isReadOnly, options, propagation }: VolumeConfiguration): MountAttributes {
  const set = options.reduce((bits, option) => bits | (OPTIONS[option] ?? 0), 0);
  return {
    set: set | (isReadOnly ? MOUNT_ATTR_RDONLY : 0),
    clear: (set & MOUNT_ATTR_NOATIME) === 0 ? 0 : MOUNT_ATTR__ATIME,
    propagation: PROPAGATIONS[propagation],
  };
}
