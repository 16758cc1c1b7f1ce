import { TetherError } from "../../protocol/errors/index.ts";
import type { Hardware } from "../driver.ts";
import type { MachineVolume, VolumeModel } from "../machine-volume.ts";
import { FIRST_VOLUME_PLACE, LAST_VOLUME_PLACE, volumePlace } from "./plug-bridge.ts";
import type { QmpClient } from "./qmp-client.ts";
import { listDevices, unplugDevice } from "./unplug-device.ts";

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

/** The machine's arguments for disks that are there from its start on. */
export function volumeArguments(volumes: readonly MachineVolume[], hardware: Hardware): string[] {
  const present: string[] = [];
  return volumes.flatMap((volume) => {
    const devices = devicesFor(volume, hardware, present);
    present.push(...devices.map(({ id }) => String(id)));
    return [
      ...["-blockdev", JSON.stringify(blockNode(volume))],
      ...devices.flatMap((device) => ["-device", JSON.stringify(device)]),
    ];
  });
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
  const device = (await listDevices(qmp)).find((name) => parseDeviceId(name)?.volume === id);
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

/** The disk, and before it the controller that it needs and nobody has brought yet. */
function devicesFor(volume: MachineVolume, hardware: Hardware, present: readonly string[]): Options[] {
  const place = (): number => freePlace(present);
  const { model, serial } = volume;
  const drive = nodeName(volume.id);
  if (model === "virtio-blk") {
    const at = place();
    const disk = { driver: "virtio-blk-pci", ...modern(hardware), ...volumePlace(hardware, at) };
    return [{ ...disk, id: `disk-${at}-${volume.id}`, drive, serial }];
  }
  const own = OWN_CONTROLLERS[hardware][model];
  const known = own ?? present.find((name) => parseDeviceId(name)?.controller === model);
  const at = known === undefined ? place() : 0;
  const controller = known ?? `controller-${at}-${model}`;
  const made = { driver: CONTROLLERS[model], id: controller, ...volumePlace(hardware, at) };
  return [
    ...(known === undefined ? [model === "pvscsi" ? made : { ...made, ...modern(hardware) }] : []),
    { driver: "scsi-hd", bus: `${controller}.0`, id: `disk-0-${volume.id}`, drive, serial },
  ];
}

/** On a plain PCI bus virtio would also have its old form, for guests before 2014. */
function modern(hardware: Hardware): Options {
  return hardware === "virtio" ? { "disable-legacy": "on" } : {};
}

function freePlace(present: readonly string[]): number {
  const used = new Set(present.map((name) => parseDeviceId(name)?.place));
  for (let place = FIRST_VOLUME_PLACE; place <= LAST_VOLUME_PLACE; place += 1)
    if (!used.has(place)) return place;
  throw new TetherError(
    "invalid-option",
    `a container VM has at most ${LAST_VOLUME_PLACE - FIRST_VOLUME_PLACE + 1} virtio-blk disks: use virtio-scsi for more`,
  );
}

/** @returns undefined for what is neither a volume's disk nor its controller. */
function parseDeviceId(
  device: string,
): { readonly place: number; readonly volume?: string; readonly controller?: string } | undefined {
  const [, kind, place, name = ""] = /^(disk|controller)-(\d+)-(.+)$/.exec(device) ?? [];
  if (kind === undefined) return undefined;
  return { place: Number(place), ...(kind === "disk" ? { volume: name } : { controller: name }) };
}
