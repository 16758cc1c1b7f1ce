import { TetherError } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import { KernelModules, MODULES_FOLDER } from "../kernel-modules.ts";
import type { InterfaceConfiguration, NetworkConfiguration } from "./configuration.ts";
import { findDevices, listDevices, type NetworkDevice } from "./devices.ts";
import { type FirewallNeed, firewallMessages, firewallNeeds } from "./firewall/rules.ts";
import { type NamedRequest, requestFirewall, requestLinks } from "./kernel-requests.ts";
import type { Lease } from "./lease.ts";
import { BARE, linkStateOf, type LinkState, planLink } from "./link-state.ts";
import { type NetworkNames, networkNames } from "./network-names.ts";
import { writeNetworkSysctls } from "./network-sysctls.ts";
import { changeLink } from "./route-messages.ts";

/** A vNIC that was plugged when the machine started is there within 100 ms under TCG; a busy host takes seconds. */
const DEVICE_LIMIT_MS = 30_000;

/** The sets of modules (iso-build/modules/wanted-modules.ts) that nf_tables needs. */
const MODULE_SETS: Readonly<Record<FirewallNeed, string>> = {
  rules: "firewall",
  connections: "firewall-connections",
  redirections: "firewall-redirections",
};

/** Where the kernel and its modules are looked for; other folders in tests. */
export interface NetworkFolders {
  readonly sysfs: string;
  readonly sysctls: string;
  readonly modules: string;
}

const FOLDERS: NetworkFolders = { sysfs: "/sys", sysctls: "/proc/sys/net", modules: MODULES_FOLDER };

/** What has been done for a vNIC. */
interface Applied {
  readonly device: NetworkDevice;
  readonly state: LinkState;
}

/**
 * The container VM's vNICs: brings them to what the document says, and from there to what a later document says.
 */
export class Network {
  readonly #system: System;
  readonly #folders: NetworkFolders;
  readonly #modules: KernelModules;
  readonly #applied = new Map<string, Applied>();
  #configuration: NetworkConfiguration = { interfaces: [], resolver: NO_RESOLVER };

  constructor(system: System, folders: NetworkFolders = FOLDERS) {
    this.#system = system;
    this.#folders = folders;
    this.#modules = new KernelModules(system, folders.modules);
  }

  /** What was applied last. */
  get configuration(): NetworkConfiguration {
    return this.#configuration;
  }

  /** What they bring to the container's name files. */
  get names(): NetworkNames {
    return networkNames(this.#configuration, () => []);
  }

  /**
   * Brings all vNICs to what a document says: those that are new, those that are gone, those that are different. The
   * same twice changes nothing. The rules of the firewall are there before the first address.
   *
   * @throws TetherError `network-device-missing`, `firewall-failed`, `network-failed`.
   */
  async apply(next: NetworkConfiguration): Promise<void> {
    const { interfaces } = next;
    const { sysfs, sysctls } = this.#folders;
    const devices = await findDevices(this.#system, this.#modules, interfaces, DEVICE_LIMIT_MS, sysfs);
    this.#applyFirewall(interfaces);
    const gone = [...this.#applied.keys()].filter((name) => !interfaces.some((vnic) => vnic.name === name));
    const fresh = interfaces.filter(({ name }) => !this.#applied.has(name));
    for (const vnic of interfaces) writeNetworkSysctls(vnic, deviceOf(devices, vnic).name, sysctls);
    const requests = [
      ...gone.flatMap((name) => this.#remove(name)),
      ...renamings(fresh, devices, sysfs),
      ...interfaces.flatMap((vnic) => this.#plan(vnic, deviceOf(devices, vnic), [])),
    ];
    requestLinks(this.#system, requests);
    for (const name of gone) this.#applied.delete(name);
    for (const vnic of interfaces)
      this.#applied.set(vnic.name, {
        device: { ...deviceOf(devices, vnic), name: vnic.name },
        state: linkStateOf(vnic, []),
      });
    this.#configuration = next;
  }

  #applyFirewall(interfaces: readonly InterfaceConfiguration[]): void {
    const needs = firewallNeeds(interfaces);
    // Rules of an earlier document have to go.
    if (needs.length === 0 && firewallNeeds(this.#configuration.interfaces).length === 0) return;
    try {
      for (const need of needs) this.#modules.loadSet(MODULE_SETS[need]);
    } catch (error) {
      throw TetherError.from(error, "firewall-failed", "loading the firewall's kernel modules");
    }
    requestFirewall(this.#system, firewallMessages(interfaces));
  }

  #plan(vnic: InterfaceConfiguration, device: NetworkDevice, leases: readonly Lease[]): NamedRequest[] {
    const present = this.#applied.get(vnic.name)?.state ?? BARE;
    const mac = Buffer.from(device.mac.replaceAll(":", ""), "hex");
    return planLink(device.index, present, linkStateOf(vnic, leases), mac).map((each) => ({
      ...each,
      name: vnic.name,
    }));
  }

  /** A vNIC that the document does not name any more stays down; it may have been unplugged. */
  #remove(name: string): NamedRequest[] {
    const applied = this.#applied.get(name);
    if (applied === undefined) return [];
    const { index, mac } = applied.device;
    return planLink(index, applied.state, BARE, Buffer.from(mac.replaceAll(":", ""), "hex")).map((each) => ({
      ...each,
      name,
      tolerates: [...each.tolerates, "ENODEV"],
    }));
  }
}

const NO_RESOLVER = { nameservers: [], search: [], options: [] };

/** A name that another device has, configured or not, is taken from it first. */
function renamings(
  interfaces: readonly InterfaceConfiguration[],
  devices: ReadonlyMap<string, NetworkDevice>,
  sysfs: string,
): NamedRequest[] {
  const renamed = interfaces.filter((vnic) => deviceOf(devices, vnic).name !== vnic.name);
  const wanted = new Set(renamed.map(({ name }) => name));
  const rename = (of: string, { index }: NetworkDevice, name: string): NamedRequest => ({
    name: of,
    what: `name ${name}`,
    message: changeLink(index, { name }),
    tolerates: [],
  });
  return [
    ...(renamed.length === 0 ? [] : listDevices(sysfs))
      .filter(({ name }) => wanted.has(name))
      .map((device) => rename(device.name, device, `tether${device.index}`)),
    ...renamed.map((vnic) => rename(vnic.name, deviceOf(devices, vnic), vnic.name)),
  ];
}

function deviceOf(
  devices: ReadonlyMap<string, NetworkDevice>,
  { name }: InterfaceConfiguration,
): NetworkDevice {
  const device = devices.get(name);
  if (device === undefined) throw new TetherError("internal", `the vNIC ${name} was not looked for`);
  return device;
}
