import { TetherError } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import { KernelModules, MODULES_FOLDER } from "../kernel-modules.ts";
import type { Reaper } from "../reaper.ts";
import { SavedState } from "../saved-state.ts";
import { Advertisements } from "./advertisements.ts";
import { type InterfaceConfiguration, type NetworkConfiguration, usesIpv6 } from "./configuration.ts";
import { deviceOf, findDevices, readMtu } from "./devices.ts";
import { DHCP_FOLDER, DhcpClient } from "./dhcp-client.ts";
import {
  type FirewalledInterface,
  type FirewallNeed,
  firewalled,
  firewallMessages,
  firewallNeeds,
} from "./firewall/rules.ts";
import { type NamedRequest, requestFirewall, requestLinks } from "./kernel-requests.ts";
import type { NetworkDevice } from "./links.ts";
import { BARE, linkStateOf, type LinkState, planLink } from "./link-state.ts";
import { type Brought, type NetworkNames, networkNames } from "./network-names.ts";
import type { Lease } from "./lease.ts";
import { renamings } from "./renamings.ts";
import type { SavedNetwork } from "./saved-network.ts";
import { setIpv4Parameters, writeNetworkSysctls } from "./network-sysctls.ts";
import { awaitAddress, awaitSettled, observeAddresses } from "./observed-addresses.ts";
import { awaitLinks, carries, withoutCarrier } from "./observed-links.ts";

/** A vNIC that was plugged when the machine started is there within 100 ms under TCG; a busy host takes seconds. */
const DEVICE_LIMIT_MS = 30_000;

/**
 * A virtio card finds its link's other end some 10 ms after it is up, an e1000e after two seconds; where nothing is
 * plugged in there is no other end, and the container starts without it.
 */
const LINK_LIMIT_MS = 5000;

/** An address of a link that carries packets is settled at once. */
const SETTLING_LIMIT_MS = 1000;

/** What ran several times is faster in a fork than what ran once. */
const REHEARSALS = 4;

/** The sets of modules (iso-build/modules/wanted-modules.ts) that nf_tables needs. */
const MODULE_SETS: Readonly<Record<FirewallNeed, string>> = {
  rules: "firewall",
  connections: "firewall-connections",
  redirections: "firewall-redirections",
};

/** Where the kernel and its modules are looked for, and the network's state is; other folders in tests. */
export interface NetworkFolders {
  readonly sysfs: string;
  readonly sysctls: string;
  readonly modules: string;
  readonly state: string;
}

const FOLDERS: NetworkFolders = {
  sysfs: "/sys",
  sysctls: "/proc/sys/net",
  modules: MODULES_FOLDER,
  state: DHCP_FOLDER,
};

/** What the network works with. */
export interface NetworkParts {
  readonly system: System;
  readonly reaper: Pick<Reaper, "exitOf">;
  /** What the vNICs bring to the container's name files is different. */
  readonly onNames: () => void;
  /** Is told what fails while the container runs. */
  readonly report: (message: string) => void;
  readonly folders?: NetworkFolders;
}

/** What has been done for a vNIC; plain data. */
export interface AppliedInterface {
  readonly device: NetworkDevice;
  readonly state: LinkState;
  /** What the device had before it was given one; undefined when it never was. */
  readonly ownMtu: number | undefined;
}

/**
 * The container VM's vNICs: brings them to what the document says, and from there to what a later document says.
 */
export class Network {
  readonly #parts: NetworkParts;
  readonly #folders: NetworkFolders;
  readonly #modules: KernelModules;
  readonly #client: DhcpClient;
  readonly #advertisements: Advertisements;
  readonly #saved: SavedState<SavedNetwork>;
  readonly #applied = new Map<string, AppliedInterface>();
  /** Of which interfaces the kernel has the rules; undefined when none were given to it, or by an agent before. */
  #firewalled: readonly FirewalledInterface[] | undefined;
  /** By the vNICs' names, from when their devices were first given another. */
  readonly #ownMtus = new Map<string, number>();
  #configuration: NetworkConfiguration = { interfaces: [], resolver: NO_RESOLVER };
  /**
   * By the vNICs' names, what servers had given when it was last looked at: servers give more at any time, also while
   * the kernel is being asked for what they have given before.
   */
  #leases: ReadonlyMap<string, readonly Lease[]> = new Map();
  /** Who waits for a lease. */
  readonly #waiting = new Set<() => void>();

  constructor(parts: NetworkParts) {
    this.#parts = parts;
    this.#folders = parts.folders ?? FOLDERS;
    this.#modules = new KernelModules(parts.system, this.#folders.modules);
    this.#saved = new SavedState(this.#folders.state, "network");
    this.#client = new DhcpClient({
      ...parts,
      folder: this.#folders.state,
      onChange: () => this.#takeLeases(),
      onError: (error) => parts.report(`the DHCP client: ${error.message}`),
      onStarted: () => this.#save(),
    });
    this.#advertisements = new Advertisements({
      ...parts,
      onChange: () => {
        this.#save();
        parts.onNames();
      },
    });
  }

  /** What the vNICs bring to the container's name files. */
  get names(): NetworkNames {
    return networkNames(this.#configuration, (vnic) => [...this.#leasesOf(vnic), ...this.#observed(vnic)]);
  }

  /** The addresses that each vNIC has now, with their prefix lengths, by the vNICs' names. */
  get addresses(): ReadonlyMap<string, readonly string[]> {
    return new Map(
      this.#configuration.interfaces.map((vnic) => {
        const leases = [...this.#leasesOf(vnic), ...this.#observed(vnic)];
        return [vnic.name, [...vnic.addresses, ...leases.flatMap(({ addresses }) => addresses)]];
      }),
    );
  }

  /**
   * Brings all vNICs to what a document says: those that are new, those that are gone, those that are different. The
   * same twice changes nothing. The rules of the firewall are there before the first address; it resolves when every
   * address has come that is waited for.
   *
   * @throws TetherError `network-device-missing`, `firewall-failed`, `network-failed`, `no-address`.
   */
  async apply(next: NetworkConfiguration): Promise<void> {
    const { interfaces } = next;
    const { sysfs, sysctls } = this.#folders;
    const { system } = this.#parts;
    const devices = await findDevices(system, this.#modules, interfaces, DEVICE_LIMIT_MS, sysfs);
    this.#applyFirewall(interfaces);
    for (const vnic of interfaces) writeNetworkSysctls(vnic, deviceOf(devices, vnic).name, sysctls);
    const gone = [...this.#applied.keys()].filter((name) => !interfaces.some((vnic) => vnic.name === name));
    const fresh = interfaces.filter(({ name }) => !this.#applied.has(name));
    const raised = interfaces.filter(
      ({ name, isDisabled }) => !isDisabled && this.#applied.get(name)?.state.isUp !== true,
    );
    const slow = withoutCarrier(system, raised, devices);
    this.#readLeases(interfaces);
    this.#advertisements.follow(
      interfaces.filter(takesAdvertisements).map((vnic) => deviceOf(devices, vnic).index),
    );
    requestLinks(system, [
      ...gone.flatMap((name) => this.#remove(name)),
      ...renamings(system, fresh, devices, sysfs),
      ...interfaces.map((vnic) =>
        setIpv4Parameters(vnic, deviceOf(devices, vnic).index, interfaces.length > 1),
      ),
      ...interfaces.flatMap((vnic) => this.#plan(vnic, deviceOf(devices, vnic))),
    ]);
    for (const name of gone) {
      this.#applied.delete(name);
      this.#ownMtus.delete(name);
    }
    for (const vnic of interfaces) {
      const { index, mac } = deviceOf(devices, vnic);
      this.#note(vnic, { index, mac, name: vnic.name });
    }
    this.#configuration = next;
    this.#save();
    await this.#awaitLinks(slow);
    const settling = interfaces.filter(
      (vnic) => !vnic.isDisabled && usesIpv6(vnic) && carries(sysfs, vnic.name),
    );
    if (settling.length > 0) {
      const indexes = settling.map((vnic) => deviceOf(devices, vnic).index);
      await awaitSettled(system, indexes, SETTLING_LIMIT_MS);
    }
    await this.#applyDynamic(interfaces);
  }

  /**
   * For a template, whose cards are nobody's: gives them a configuration as most are and takes it away again, but for
   * the firewall: a fork with these rules has them already, and one with others replaces them.
   *
   * @throws TetherError as {@link apply}.
   */
  async rehearse(usual: NetworkConfiguration): Promise<void> {
    for (const set of Object.values(MODULE_SETS)) this.#modules.loadSet(set);
    for (let round = 0; round < REHEARSALS; round += 1) {
      await this.apply(usual);
      await this.apply({ ...usual, interfaces: [] });
    }
    this.#applyFirewall(usual.interfaces);
  }

  /** Goes on with what an agent before this one has applied. Before the reaper starts. */
  resume(configuration: NetworkConfiguration): void {
    const { applied, clientPid, routerDns } = this.#saved.read() ?? NOTHING_SAVED;
    for (const [name, each] of applied) {
      this.#applied.set(name, each);
      if (each.ownMtu !== undefined) this.#ownMtus.set(name, each.ownMtu);
    }
    this.#configuration = configuration;
    const followed = configuration.interfaces.filter(takesAdvertisements);
    const indexes = followed.flatMap(({ name }) => this.#applied.get(name)?.device.index ?? []);
    this.#advertisements.resume(indexes, routerDns);
    if (clientPid !== undefined) this.#client.resume(dhcpUsers(configuration.interfaces), clientPid);
    // What came in between.
    this.#takeLeases();
  }

  /** The image that the DHCP client runs from is going: one of the present image takes its place. */
  renewPrograms(): void {
    this.#client.renew();
  }

  /** Gives the addresses back that servers have given; within two seconds. */
  release(): Promise<void> {
    return this.#client.stop();
  }

  async #awaitLinks(raised: readonly InterfaceConfiguration[]): Promise<void> {
    const names = raised.map(({ name }) => name);
    for (const name of await awaitLinks(this.#parts.system, names, LINK_LIMIT_MS, this.#folders.sysfs))
      this.#parts.report(`${name}: nothing is plugged in: its link is down after ${LINK_LIMIT_MS / 1000} s`);
  }

  async #applyDynamic(interfaces: readonly InterfaceConfiguration[]): Promise<void> {
    const users = dhcpUsers(interfaces);
    if (users.length === 0 && this.#client.pid === undefined && !interfaces.some(usesSlaac)) return;
    await this.#client.serve(users);
    // Another client has none of what the one before had.
    if ([...this.#leases.values()].some((leases) => leases.length > 0)) this.#takeLeases();
    this.#save();
    await Promise.all(interfaces.flatMap((vnic) => this.#awaitAddresses(vnic)));
  }

  #awaitAddresses(vnic: InterfaceConfiguration): Array<Promise<void>> {
    const { ipv4, ipv6, name, isDisabled, network } = vnic;
    if (isDisabled) return [];
    const require = (family: 4 | 6, has: boolean, limitMs: number): void => {
      if (has || (family === 4 ? ipv4 : ipv6)?.isRequired !== true) return;
      const server = ipv6?.method === "slaac" && family === 6 ? "router" : "DHCP server";
      throw new TetherError(
        "no-address",
        `${name}: no ${server} has given an IPv${family} address within ${limitMs / 1000} s` +
          (network === "" ? "" : ` (network ${network})`),
      );
    };
    const index = this.#applied.get(name)?.device.index ?? 0;
    const leased = async (family: 4 | 6, limitMs: number): Promise<void> =>
      require(family, await this.#awaitLease(vnic, family, limitMs), limitMs);
    const advertised = async (limitMs: number): Promise<void> => {
      require(6, (await awaitAddress(this.#parts.system, index, limitMs)).length > 0, limitMs);
      await this.#advertisements.settled();
    };
    return [
      ...(ipv4 === undefined ? [] : [leased(4, ipv4.timeoutMs)]),
      ...(ipv6?.method === "dhcp" ? [leased(6, ipv6.timeoutMs)] : []),
      ...(ipv6?.method === "slaac" ? [advertised(ipv6.timeoutMs)] : []),
    ];
  }

  /** @returns false when none has come in time. */
  async #awaitLease(vnic: InterfaceConfiguration, family: 4 | 6, limitMs: number): Promise<boolean> {
    const came = Promise.withResolvers<boolean>();
    const look = (): void => {
      if (this.#hasLease(vnic, family)) came.resolve(true);
    };
    const limit = setTimeout(() => came.resolve(false), limitMs);
    this.#waiting.add(look);
    try {
      look();
      return await came.promise;
    } finally {
      clearTimeout(limit);
      this.#waiting.delete(look);
    }
  }

  #hasLease(vnic: InterfaceConfiguration, family: 4 | 6): boolean {
    return this.#leasesOf(vnic).some((lease) => lease.family === family);
  }

  #leasesOf({ name }: InterfaceConfiguration): readonly Lease[] {
    return this.#leases.get(name) ?? [];
  }

  #readLeases(interfaces: readonly InterfaceConfiguration[]): void {
    this.#leases = new Map(interfaces.map((vnic) => [vnic.name, this.#client.leasesOf(vnic)]));
  }

  /** A server has given something, or taken it away. */
  #takeLeases(): void {
    this.#reporting(() => this.#applyLeases());
    this.#reporting(() => {
      // Also when the kernel refused something of it: the rest is there.
      this.#client.noticeAddresses(this.#leasedAddresses());
      this.#parts.onNames();
    });
    for (const look of this.#waiting) look();
  }

  #applyLeases(): void {
    const { interfaces } = this.#configuration;
    this.#readLeases(interfaces);
    const before = JSON.stringify([...this.#applied]);
    const applied = interfaces.flatMap((vnic) => {
      const device = this.#applied.get(vnic.name)?.device;
      return device === undefined ? [] : [{ vnic, device }];
    });
    requestLinks(
      this.#parts.system,
      applied.flatMap(({ vnic, device }) => this.#plan(vnic, device)),
    );
    for (const { vnic, device } of applied) this.#note(vnic, device);
    if (JSON.stringify([...this.#applied]) !== before) this.#save();
  }

  /** The IPv4 address that each vNIC has of a server. */
  #leasedAddresses(): ReadonlyMap<string, string> {
    const leased = [...this.#leases].flatMap(([name, leases]) =>
      leases.filter(({ family }) => family === 4).map((lease) => [name, lease.addresses.join(" ")] as const),
    );
    return new Map(leased);
  }

  #reporting(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#parts.report(
        `what a DHCP server gave: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  #applyFirewall(interfaces: readonly InterfaceConfiguration[]): void {
    const next = interfaces.map(firewalled);
    if (this.#firewalled !== undefined && JSON.stringify(next) === JSON.stringify(this.#firewalled)) return;
    const needs = firewallNeeds(next);
    // Rules of an earlier document, or of the rehearsal, have to go.
    const hasRules =
      this.#firewalled !== undefined ||
      firewallNeeds(this.#configuration.interfaces.map(firewalled)).length > 0;
    if (needs.length === 0 && !hasRules) return;
    try {
      for (const need of needs) this.#modules.loadSet(MODULE_SETS[need]);
    } catch (error) {
      throw TetherError.from(error, "firewall-failed", "loading the firewall's kernel modules");
    }
    requestFirewall(this.#parts.system, firewallMessages(next));
    this.#firewalled = next;
  }

  #plan(vnic: InterfaceConfiguration, device: NetworkDevice): NamedRequest[] {
    const { name, mtu } = vnic;
    const present = this.#applied.get(name)?.state ?? BARE;
    const mac = macBytes(device);
    const next = linkStateOf(vnic, this.#leasesOf(vnic), mac);
    if (mtu !== 0 && !this.#ownMtus.has(name))
      this.#ownMtus.set(name, readMtu(this.#folders.sysfs, device.name));
    const own = { mac, mtu: this.#ownMtus.get(name) };
    return planLink(device.index, present, next, own).map((each) => ({ ...each, name }));
  }

  /** What {@link #plan} has planned is there. */
  #note(vnic: InterfaceConfiguration, device: NetworkDevice): void {
    const state = linkStateOf(vnic, this.#leasesOf(vnic), macBytes(device));
    this.#applied.set(vnic.name, { device, state, ownMtu: this.#ownMtus.get(vnic.name) });
  }

  /** A vNIC that the document does not name any more stays down; it may have been unplugged. */
  #remove(name: string): NamedRequest[] {
    const applied = this.#applied.get(name);
    if (applied === undefined) return [];
    const { device, state } = applied;
    const own = { mac: macBytes(device), mtu: applied.ownMtu };
    return planLink(device.index, state, BARE, own).map((each) => ({
      ...each,
      name,
      tolerates: [...each.tolerates, "ENODEV"],
    }));
  }

  /** What routers have brought about. */
  #observed({ name, ipv6 }: InterfaceConfiguration): Brought[] {
    const index = this.#applied.get(name)?.device.index;
    if (ipv6 === undefined || index === undefined) return [];
    const addresses = ipv6.method === "slaac" ? observeAddresses(this.#parts.system, index) : [];
    return [{ addresses, ...(ipv6.ignoresDns ? {} : this.#advertisements.resolverOf(index, name)) }];
  }

  #save(): void {
    const { pid: clientPid } = this.#client;
    this.#saved.write({ applied: [...this.#applied], clientPid, routerDns: this.#advertisements.dns });
  }
}

const NOTHING_SAVED: SavedNetwork = { applied: [], clientPid: undefined, routerDns: [] };

const NO_RESOLVER = { nameservers: [], search: [], options: [] };

const takesAdvertisements = ({ ipv6, isDisabled }: InterfaceConfiguration): boolean =>
  !isDisabled && ipv6 !== undefined;

const usesSlaac = ({ ipv6 }: InterfaceConfiguration): boolean => ipv6?.method === "slaac";

function dhcpUsers(interfaces: readonly InterfaceConfiguration[]): InterfaceConfiguration[] {
  return interfaces.filter(
    ({ ipv4, ipv6, isDisabled }) => !isDisabled && (ipv4?.method === "dhcp" || ipv6?.method === "dhcp"),
  );
}

function macBytes({ mac }: NetworkDevice): Buffer {
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}
