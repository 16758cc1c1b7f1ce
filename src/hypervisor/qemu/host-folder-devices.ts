import type { Hardware } from "../driver.ts";
import type { MachineFolder } from "../machine-folder.ts";
import { volumePlace } from "./plug-bridge.ts";
import type { QmpClient } from "./qmp-client.ts";
import { listDevices } from "./unplug-device.ts";
import { freeVolumePlace, volumeDeviceId } from "./volume-places.ts";

/*
 * Folders of this machine in a container VM: each is a character device, connected to the folder's virtiofsd from the start
 * on, and a virtio device (virtio 1.2, 5.11). No template can have one: its state is in virtiofsd.
 */

/**
 * The machine's arguments for the connections to the folders' servers.
 *
 * @param descriptor the first of QEMU's own that are connected to them, in their order.
 */
export function folderConnectionArguments(folders: readonly MachineFolder[], descriptor: number): string[] {
  return folders.flatMap(({ tag }, index) => [
    "-chardev",
    `socket,id=${connectionName(tag)},fd=${descriptor + index}`,
  ]);
}

/**
 * The machine's arguments for the devices of folders that are there from its start on.
 *
 * @param present the ids of the volumes' devices.
 */
export function folderDeviceArguments(
  folders: readonly MachineFolder[],
  hardware: Hardware,
  present: readonly string[],
): string[] {
  const ids = [...present];
  return folders.flatMap((folder) => {
    const device = deviceFor(folder, hardware, ids);
    ids.push(device.id);
    return ["-device", JSON.stringify(device)];
  });
}

/**
 * Plugs a folder into a machine that is connected to its server.
 *
 * @throws TetherError `hypervisor-failed`, `invalid-option`.
 */
export async function plugFolder(qmp: QmpClient, folder: MachineFolder, hardware: Hardware): Promise<void> {
  await qmp.execute("device_add", deviceFor(folder, hardware, await listDevices(qmp)));
}

const connectionName = (tag: string): string => `share-${tag}`;

function deviceFor({ tag }: MachineFolder, hardware: Hardware, present: readonly string[]) {
  const place = freeVolumePlace(present, "folder");
  return {
    driver: "vhost-user-fs-pci",
    id: volumeDeviceId({ kind: "folder", place, name: tag }),
    ...volumePlace(hardware, place),
    chardev: connectionName(tag),
    tag,
  };
}
