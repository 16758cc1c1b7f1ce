import { existsSync } from "node:fs";
import { join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import type { Hardware } from "../driver.ts";
import type {
  ForwardedPort,
  InterfaceBackend,
  InterfaceModel,
  MachineInterface,
} from "../machine-interface.ts";
import { interfacePlace, MOST_INTERFACES } from "./plug-bridge.ts";
import type { QmpClient } from "./qmp-client.ts";
import { listDevices, unplugDevice } from "./unplug-device.ts";

/*
 * vNICs: each is a device, whose name tells its place, and a network back end with the vNIC's own name.
 */

/** QEMU's name of each model. On a plain PCI bus virtio would also have its old form, for guests before 2014. */
const DRIVERS: Readonly<Record<InterfaceModel, Readonly<Record<string, string>>>> = {
  "virtio-net": { driver: "virtio-net-pci", "disable-legacy": "on" },
  vmxnet3: { driver: "vmxnet3" },
  e1000e: { driver: "e1000e" },
};

/** The machine's arguments for vNICs that are there from its start on. */
export function interfaceArguments(interfaces: readonly MachineInterface[], hardware: Hardware): string[] {
  requirePlaces(interfaces.length);
  return interfaces.flatMap((each, index) => {
    const { driver = "", ...options } = deviceOptions(each, hardware, index);
    return [
      ...(each.backend.kind === "none" ? [] : ["-netdev", backendArgument(each.id, each.backend)]),
      ...["-device", [driver, ...keyValues(options)].join(",")],
    ];
  });
}

/**
 * Looks for the TAP devices: QEMU would make one that is not there, when it may, and nobody would be at its other end.
 *
 * @throws TetherError `invalid-option`.
 */
export function requireBackends(interfaces: readonly MachineInterface[], sysfs = "/sys"): void {
  for (const { backend } of interfaces)
    if (backend.kind === "tap" && !existsSync(join(sysfs, "class/net", backend.name, "tun_flags")))
      throw new TetherError("invalid-option", `there is no TAP device ${backend.name} on this machine`);
}

/**
 * Plugs a vNIC into a machine, in the first place that is free.
 *
 * @throws TetherError `hypervisor-failed`; nothing is left then.
 */
export async function plugInterface(
  qmp: QmpClient,
  plugged: MachineInterface,
  hardware: Hardware,
): Promise<void> {
  requireBackends([plugged]);
  const used = new Set((await listDevices(qmp)).map((name) => parseDeviceId(name)?.place));
  const place = Array.from({ length: MOST_INTERFACES }, (_, each) => each).find((each) => !used.has(each));
  if (place === undefined) throw tooMany();
  const { id, backend } = plugged;
  if (backend.kind !== "none") await qmp.execute("netdev_add", { id, ...backendObject(backend) });
  try {
    await qmp.execute("device_add", deviceOptions(plugged, hardware, place));
  } catch (error) {
    if (backend.kind !== "none") await qmp.execute("netdev_del", { id });
    throw error;
  }
}

/**
 * Takes a vNIC out of a machine; resolves when its guest has let go of it. One that is not there is no error.
 *
 * @throws TetherError `hypervisor-failed`, also when the guest keeps it.
 */
export async function unplugInterface(qmp: QmpClient, id: string): Promise<void> {
  const device = (await listDevices(qmp)).find((name) => parseDeviceId(name)?.id === id);
  if (device !== undefined) await unplugDevice(qmp, device, `the vNIC ${id}`);
  try {
    await qmp.execute("netdev_del", { id });
  } catch (error) {
    // Without a cable there was none.
    if (!(error instanceof TetherError) || !/not found/i.test(error.message)) throw error;
  }
}

function deviceOptions(
  { id, mac, model, backend }: MachineInterface,
  hardware: Hardware,
  place: number,
): Readonly<Record<string, string>> {
  return {
    ...DRIVERS[model],
    id: `vnic-${place}-${id}`,
    ...interfacePlace(hardware, place),
    mac,
    // Nothing boots from the network: QEMU would load the card's boot code.
    romfile: "",
    ...(backend.kind === "none" ? {} : { netdev: id }),
  };
}

/** @returns undefined for what is no vNIC. */
function parseDeviceId(device: string): { readonly place: number; readonly id: string } | undefined {
  const [, place, id] = /^vnic-(\d+)-(.+)$/.exec(device) ?? [];
  return place === undefined || id === undefined ? undefined : { place: Number(place), id };
}

type Connected = Exclude<InterfaceBackend, { readonly kind: "none" }>;

/** For -netdev. */
function backendArgument(id: string, backend: Connected): string {
  const { type, hostfwd = [], ...options } = { hostfwd: undefined, ...backendObject(backend) };
  return [
    type,
    ...keyValues({ id, ...options }),
    ...hostfwd.flatMap(({ str }) => keyValues({ hostfwd: str })),
  ].join(",");
}

/** For netdev_add. No program is started for a TAP device: it is there, and QEMU may not start any. */
function backendObject(backend: Connected) {
  return backend.kind === "tap"
    ? ({ type: "tap", ifname: backend.name, script: "no", downscript: "no" } as const)
    : ({
        type: "user",
        net: backend.network,
        hostfwd: backend.forwards.map((each) => ({ str: describeForward(each) })),
      } as const);
}

function describeForward({ protocol, hostAddress, hostPort, guestPort }: ForwardedPort): string {
  return `${protocol}:${hostAddress}:${hostPort}-:${guestPort}`;
}

/** QEMU doubles a comma inside an option's value (qemu(1), -drive). */
function keyValues(options: Readonly<Record<string, string>>): string[] {
  return Object.entries(options).map(([key, value]) => `${key}=${value.replaceAll(",", ",,")}`);
}

function requirePlaces(count: number): void {
  if (count > MOST_INTERFACES) throw tooMany();
}

function tooMany(): TetherError {
  return new TetherError("invalid-option", `a container VM has at most ${MOST_INTERFACES} vNICs`);
}
