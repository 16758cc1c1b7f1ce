import { TetherError } from "../../protocol/errors/index.ts";
import type { Hardware } from "../driver.ts";
import type { MachineVolume, VolumeModel } from "../machine-volume.ts";
import { volumePlace } from "./plug-bridge.ts";
import type { QmpClient } from "./qmp-client.ts";
import { listDevices, unplugDevice } from "./unplug-device.ts";
import { freeVolumePlace, parseVolumeDeviceId, volumeDeviceId } from "./volume-places.ts";

/*
 * Disks of volumes: each is a block node and a device, both with the volume's name; the device's tells its place as well.
 * A disk on SCSI needs a controller, which the first of its kind brings along.
 */

type Options = Readonly<Record<string, unknown>>;

/** The controllers on which disks of a model are, when they are no devices of PCI's themselves. */
const CONTROLLERS: Readonly<Record<Exclude<VolumeModel, "virtio-blk">, string>> = {
  "virtio-scsi": "virtio-scsi-pci",
  pvscsi: "pvscsi",
};

/** What a machine of vSphere's kind has from its start on (command-line.ts). */
const OWN_CONTROLLERS: Readonly<Record<Hardware, Readonly<Partial<Record<VolumeModel, string>>>>> = {
  virtio: {},
  vmware: { pvscsi: "scsi" },
};

/** What QEMU says when another QEMU has the file open. */
const LOCKED =
  /Failed to get (?:shared )?"(?:write|consistent read|resize)" lock|Is another process using the image/;

/**
 * The machine's arguments for disks that are there from its start on.
 *
 * @param areEmpty a template's, which are nobody's.
 */
export function volumeArguments(
  volumes: readonly MachineVolume[],
  hardware: Hardware,
  areEmpty: boolean,
): string[] {
  const present: string[] = [];
  return volumes.flatMap((volume) => {
    const devices = devicesFor(volume, hardware, present);
    present.push(...devices.map(({ id }) => String(id)));
    return [
      ...["-blockdev", JSON.stringify(areEmpty ? emptyNode(volume) : blockNode(volume))],
      ...devices.flatMap((device) => ["-device", JSON.stringify(device)]),
    ];
  });
}

/** The ids of the devices that {@link volumeArguments} makes. */
export function volumeDeviceIds(volumes: readonly MachineVolume[], hardware: Hardware): string[] {
  return volumes.reduce<string[]>(
    (present, volume) => [...present, ...devicesFor(volume, hardware, present).map(({ id }) => String(id))],
    [],
  );
}

/**
 * Plugs a disk into a machine.
 *
 * @throws TetherError `hypervisor-failed`, `volume-in-use` when another machine has the file; nothing is left then, but
 *   perhaps a controller.
 */
export async function plugVolume(qmp: QmpClient, volume: MachineVolume, hardware: Hardware): Promise<void> {
  const node = blockNode(volume);
  try {
    await qmp.execute("blockdev-add", node);
  } catch (error) {
    throw explainLock(error, volume.file);
  }
  try {
    for (const device of devicesFor(volume, hardware, await listDevices(qmp)))
      await qmp.execute("device_add", device);
  } catch (error) {
    await qmp.execute("blockdev-del", { "node-name": node["node-name"] });
    throw explainLock(error, volume.file);
  }
}

/**
 * Takes a disk out of a machine; resolves when its guest has let go of it. One that is not there is no error.
 *
 * @throws TetherError `hypervisor-failed`, also when the guest keeps it.
 */
export async function unplugVolume(qmp: QmpClient, id: string): Promise<void> {
  const device = (await listDevices(qmp)).find((each) => {
    const parsed = parseVolumeDeviceId(each);
    return parsed?.kind === "disk" && parsed.name === id;
  });
  if (device !== undefined) await unplugDevice(qmp, device, `the disk of the volume ${id}`);
  try {
    await qmp.execute("blockdev-del", { "node-name": nodeName(id) });
  } catch (error) {
    if (!(error instanceof TetherError) || !/failed to find|not found/i.test(error.message)) throw error;
  }
}

/** QEMU's words for a file that another machine uses. */
export function explainLock(error: unknown, file?: string): unknown {
  if (!(error instanceof Error) || !LOCKED.test(error.message)) return error;
  file ??= /image \[(.*)\]/.exec(error.message)?.[1] ?? "";
  return new TetherError("volume-in-use", `another container VM has the disk ${file} open`, { cause: error });
}

/** Enough for whoever looks for a file system. */
const EMPTY_BYTES = 1024 * 1024;

const nodeName = (id: string): string => `volume-${id}`;

function blockNode({ id, file, format, isReadOnly }: MachineVolume): Options & { "node-name": string } {
  return {
    driver: format,
    "node-name": nodeName(id),
    "read-only": isReadOnly,
    discard: "unmap",
    file: { driver: "file", filename: file, "read-only": isReadOnly, discard: "unmap" },
  };
}

function emptyNode({ id }: MachineVolume): Options {
  return { driver: "null-co", "node-name": nodeName(id), "read-zeroes": true, size: EMPTY_BYTES };
}

/** The disk, and before it the controller that it needs and nobody has brought yet. */
function devicesFor(volume: MachineVolume, hardware: Hardware, present: readonly string[]): Options[] {
  const place = (): number => freeVolumePlace(present, "disk");
  const { model, serial } = volume;
  const drive = nodeName(volume.id);
  if (model === "virtio-blk") {
    const at = place();
    const disk = { driver: "virtio-blk-pci", ...modern(hardware), ...volumePlace(hardware, at) };
    return [{ ...disk, id: volumeDeviceId({ kind: "disk", place: at, name: volume.id }), drive, serial }];
  }
  const own = OWN_CONTROLLERS[hardware][model];
  const known = own ?? present.find((id) => isController(id, model));
  const at = known === undefined ? place() : 0;
  const controller = known ?? volumeDeviceId({ kind: "controller", place: at, name: model });
  const made = { driver: CONTROLLERS[model], id: controller, ...volumePlace(hardware, at) };
  return [
    ...(known === undefined ? [model === "pvscsi" ? made : { ...made, ...modern(hardware) }] : []),
    {
      driver: "scsi-hd",
      bus: `${controller}.0`,
      id: volumeDeviceId({ kind: "disk", place: 0, name: volume.id }),
      drive,
      serial,
    },
  ];
}

/** On a plain PCI bus virtio would also have its old form, for guests before 2014. */
function modern(hardware: Hardware): Options {
  return hardware === "virtio" ? { "disable-legacy": "on" } : {};
}

function isController(id: string, model: VolumeModel): boolean {
  const device = parseVolumeDeviceId(id);
  return device?.kind === "controller" && device.name === model;
}
