import { TetherError } from "../../protocol/errors/index.ts";
import { FIRST_VOLUME_PLACE, LAST_VOLUME_PLACE } from "./plug-bridge.ts";

/*
 * The places of volumes on the bus for what is plugged. Who has which is told by the devices' names: `disk-PLACE-VOLUME`,
 * `controller-PLACE-MODEL`, `folder-PLACE-TAG`.
 */

/** What a volume's device is. */
export interface VolumeDevice {
  readonly kind: "disk" | "controller" | "folder";
  /** 0: it is behind a controller. */
  readonly place: number;
  /** The volume, the controller's model, or the folder's tag. */
  readonly name: string;
}

/** QEMU's id of a device. */
export function volumeDeviceId({ kind, place, name }: VolumeDevice): string {
  return `${kind}-${place}-${name}`;
}

/** @returns undefined for what is no volume's device. */
export function parseVolumeDeviceId(id: string): VolumeDevice | undefined {
  const [, kind, place, name = ""] = /^(disk|controller|folder)-(\d+)-(.+)$/.exec(id) ?? [];
  if (kind !== "disk" && kind !== "controller" && kind !== "folder") return undefined;
  return { kind, place: Number(place), name };
}

/**
 * The first place that none of the devices has. Folders have the last ones: those of disks are the same in a machine's
 * template, which has no folders.
 *
 * @param present the ids of the machine's devices.
 * @throws TetherError `invalid-option`.
 */
export function freeVolumePlace(present: readonly string[], kind: VolumeDevice["kind"]): number {
  const used = new Set(present.map((id) => parseVolumeDeviceId(id)?.place));
  const places = Array.from({ length: MOST_VOLUMES }, (_, index) => FIRST_VOLUME_PLACE + index);
  const free = (kind === "folder" ? places.reverse() : places).find((place) => !used.has(place));
  if (free !== undefined) return free;
  throw new TetherError(
    "invalid-option",
    `a container VM has at most ${MOST_VOLUMES} virtio-blk disks and folders of this machine: use virtio-scsi for more disks`,
  );
}

const MOST_VOLUMES = LAST_VOLUME_PLACE - FIRST_VOLUME_PLACE + 1;
