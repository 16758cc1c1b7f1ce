import type { System } from "../../system/system.ts";
import type { InterfaceConfiguration } from "./configuration.ts";
import { deviceOf, listDevices } from "./devices.ts";
import type { NamedRequest } from "./kernel-requests.ts";
import type { Link } from "./links.ts";
import { changeLink } from "./route-messages.ts";

/** What gives devices their vNICs' names. A name that another device has, configured or not, is taken from it first. */
export function renamings(
  system: System,
  interfaces: readonly InterfaceConfiguration[],
  devices: ReadonlyMap<string, Link>,
  sysfs: string,
): NamedRequest[] {
  const renamed = interfaces.filter((vnic) => deviceOf(devices, vnic).name !== vnic.name);
  const wanted = new Set(renamed.map(({ name }) => name));
  const rename = (of: string, { index }: Link, name: string): NamedRequest => ({
    name: of,
    what: `name ${name}`,
    message: changeLink(index, { name }),
    tolerates: [],
  });
  return [
    ...(renamed.length === 0 ? [] : listDevices(system, sysfs))
      .filter(({ name }) => wanted.has(name))
      .map((device) => rename(device.name, device, `tether${device.index}`)),
    ...renamed.map((vnic) => rename(vnic.name, deviceOf(devices, vnic), vnic.name)),
  ];
}
