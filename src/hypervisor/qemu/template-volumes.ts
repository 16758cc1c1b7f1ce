import { TEMPLATE_DISK_SERIAL_PREFIX } from "../../protocol/link-names.ts";
import type { MachineVolume } from "../machine-volume.ts";

/**
 * The volumes' disks that a machine's template has in the same places, with nothing on them: to plug one into a machine
 * that goes on costs its guest far more under TCG than to take over one that is there.
 *
 * Those at the beginning that are of the kind that the template's guest gives back before it stops
 * (src/init/disk-drivers.ts); what comes behind another kind is plugged.
 */
export function templateVolumes(volumes: readonly MachineVolume[]): readonly MachineVolume[] {
  const others = volumes.findIndex(({ model }) => model !== "virtio-blk");
  return volumes.slice(0, others < 0 ? volumes.length : others).map((_, index) => ({
    id: `template${index}`,
    // A template's are empty (volume-devices.ts).
    ...{ file: "", format: "raw" },
    serial: `${TEMPLATE_DISK_SERIAL_PREFIX}${index}`,
    model: "virtio-blk",
    isReadOnly: false,
  }));
}
