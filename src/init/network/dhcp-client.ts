import {
  closeSync,
  existsSync,
  type FSWatcher,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import type { Reaper } from "../reaper.ts";
import type { InterfaceConfiguration } from "./configuration.ts";
import { type Lease, parseLease } from "./lease.ts";

/** In the agent's image; iso-build puts them there. */
const PROGRAM = "/sbin/dhcpcd";
const EVENT_PROGRAM = "/sbin/dhcp-event";

/** Where native/dhcp-event leaves what the client tells; `/var/lib/dhcpcd` of the image leads here, too. */
export const DHCP_FOLDER = "/run/tether/dhcp";

/** A client that ends by itself is started again; one that does so at once, again and again, not without a pause. */
const RESTART_PAUSE_MS = 5000;

/** How long a release waits for the renewal that it depends on: a server answers within milliseconds, a far one tens. */
const RENEWAL_LIMIT_MS = 500;

/** A release is a packet, or two when its answer is waited for. */
const RELEASE_LIMIT_MS = 1500;

/** "Renew", dhcpcd(8). */
const SIGUSR1 = 10;
const SIGTERM = 15;
const SIGKILL = 9;

/** What a client works with. */
export interface DhcpParts {
  readonly system: System;
  readonly reaper: Pick<Reaper, "exitOf">;
  /** {@link DHCP_FOLDER}; another one in tests. */
  readonly folder: string;
  /** Something was told of a vNIC: {@link DhcpClient.leasesOf} may give something else. */
  readonly onChange: () => void;
  readonly onError: (error: Error) => void;
  /** Another process is the client. */
  readonly onStarted: () => void;
}

/**
 * dhcpcd, one process for all vNICs and both protocols: it asks, renews and releases. What it is given it tells, and
 * changes nothing by itself.
 */
export class DhcpClient {
  readonly #parts: DhcpParts;
  #interfaces: readonly InterfaceConfiguration[] = [];
  #watcher: FSWatcher | undefined;
  #pid: number | undefined;
  #ended: Promise<void> = Promise.resolve();
  #isStopping = false;
  /** What the process was told to notice, by the vNICs' names. */
  readonly #notices = new Map<string, Notice>();
  /** Called when the client has told something. */
  #onTold: () => void = () => {};

  constructor(parts: DhcpParts) {
    this.#parts = parts;
  }

  /** The client's process, for an agent that takes over. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /**
   * Lets a client ask for these vNICs, in place of those before. Their links are up.
   *
   * @throws SystemCallError when it cannot be started.
   */
  async serve(interfaces: readonly InterfaceConfiguration[]): Promise<void> {
    if (isSame(this.#interfaces, interfaces) && this.#pid !== undefined) return;
    await this.stop();
    this.#prepare(interfaces);
    if (interfaces.length > 0) this.#start();
  }

  /** Goes on with the client of an agent before this one. Before the reaper starts. */
  resume(interfaces: readonly InterfaceConfiguration[], pid: number): void {
    this.#prepare(interfaces);
    this.#observe(pid);
  }

  /** What servers have given to a vNIC, as far as it is to have it. */
  leasesOf({ name, ipv4, ipv6 }: InterfaceConfiguration): Lease[] {
    const read = (protocol: string): string => readOrNothing(join(this.#leases, `${name}.${protocol}`));
    const leases = [
      ipv4?.method === "dhcp" ? parseLease(read("dhcp"), 4, ipv4) : undefined,
      ipv6?.method === "dhcp" ? parseLease(read("dhcp6"), 6, ipv6) : undefined,
    ];
    return leases.filter((lease) => lease !== undefined);
  }

  /** Lets a client of another image take the place of this one: the image that it runs from is going. */
  renew(): void {
    this.#kill(SIGKILL);
  }

  /**
   * The IPv4 addresses that were given are there. A dhcpcd that does not configure looks for its own only after it has
   * told of a lease, among those that it has read of by then: it has to renew. Without that what it gives back has no
   * address in it, and servers ignore that. It has read of them when it hears the signal: its ppoll(2) lets signals
   * through only when there is nothing to read.
   *
   * @param addresses by the vNICs' names.
   */
  noticeAddresses(addresses: ReadonlyMap<string, string>): void {
    for (const name of this.#notices.keys()) if (!addresses.has(name)) this.#notices.delete(name);
    const fresh = [...addresses].filter(([name, address]) => this.#notices.get(name)?.address !== address);
    if (this.#pid === undefined || fresh.length === 0) return;
    for (const [name, address] of fresh) this.#notices.set(name, { address, after: this.#eventOf(name) });
    this.#parts.system.kill(this.#pid, SIGUSR1);
  }

  /** Gives every address back and ends the client. */
  async stop(): Promise<void> {
    if (this.#pid === undefined) return;
    this.#isStopping = true;
    await Promise.race([this.#awaitNotices(), this.#ended]);
    this.#kill(SIGTERM);
    const limit = setTimeout(() => this.#kill(SIGKILL), RELEASE_LIMIT_MS);
    await this.#ended;
    clearTimeout(limit);
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#isStopping = false;
  }

  #kill(signal: number): void {
    if (this.#pid !== undefined) this.#parts.system.kill(this.#pid, signal);
  }

  /** Until the client has renewed whatever it was told to, or the limit. */
  async #awaitNotices(): Promise<void> {
    const renewed = Promise.withResolvers<void>();
    const look = (): void => {
      if ([...this.#notices].every(([name, { after }]) => this.#eventOf(name) !== after)) renewed.resolve();
    };
    const limit = setTimeout(renewed.resolve, RENEWAL_LIMIT_MS);
    this.#onTold = look;
    look();
    await renewed.promise;
    clearTimeout(limit);
    this.#onTold = () => {};
  }

  /** What the client last told of IPv4, as the file's identity: each event has a file of its own. */
  #eventOf(name: string): number | undefined {
    return statSync(join(this.#leases, `${name}.dhcp`), { throwIfNoEntry: false })?.ino;
  }

  get #leases(): string {
    return join(this.#parts.folder, "leases");
  }

  #prepare(interfaces: readonly InterfaceConfiguration[]): void {
    const { folder, onChange, onError } = this.#parts;
    this.#interfaces = interfaces;
    // The client's own state is there as well.
    mkdirSync(join(folder, "state"), { recursive: true, mode: 0o700 });
    mkdirSync(this.#leases, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, "conf"), configurationOf(interfaces));
    if (interfaces.length === 0) return;
    this.#watcher ??= watch(this.#leases, () => {
      onChange();
      this.#onTold();
    }).on("error", onError);
  }

  #start(): void {
    const { system, folder } = this.#parts;
    if (!existsSync(PROGRAM))
      throw new TetherError("no-address", `the agent's image has no DHCP client (${PROGRAM})`);
    for (const { name } of this.#interfaces)
      for (const protocol of ["dhcp", "dhcp6"])
        rmSync(join(this.#leases, `${name}.${protocol}`), { force: true });
    // Where it could complain to is a file on the host, and a server could make it complain without end.
    const nowhere = openSync("/dev/null", "r+");
    try {
      const names = this.#interfaces.map(({ name }) => name);
      const options = ["-q", "-B", "--noconfigure", "-f", join(folder, "conf"), "-c", EVENT_PROGRAM];
      const pid = system.spawn({
        path: PROGRAM,
        args: ["dhcpcd", ...options, ...names],
        env: [],
        descriptors: [nowhere, nowhere, nowhere],
      });
      this.#observe(pid);
    } finally {
      closeSync(nowhere);
    }
  }

  #observe(pid: number): void {
    this.#pid = pid;
    this.#notices.clear();
    const startedMs = performance.now();
    this.#ended = this.#parts.reaper.exitOf(pid).then(() => {
      this.#pid = undefined;
      if (this.#isStopping) return;
      const pauseMs = performance.now() - startedMs < RESTART_PAUSE_MS ? RESTART_PAUSE_MS : 0;
      setTimeout(() => this.#restart(), pauseMs).unref();
    });
  }

  #restart(): void {
    if (this.#isStopping || this.#pid !== undefined) return;
    try {
      this.#start();
      this.#parts.onStarted();
    } catch (error) {
      this.#parts.onError(TetherError.from(error, "no-address", "starting the DHCP client again"));
    }
  }
}

/** An address that the client was told to notice. */
interface Notice {
  readonly address: string;
  /** What it had told last by then. */
  readonly after: number | undefined;
}

/** dhcpcd.conf(5). */
function configurationOf(interfaces: readonly InterfaceConfiguration[]): string {
  return `${[...GLOBAL_OPTIONS, ...interfaces.flatMap(interfaceOptions)].join("\n")}\n`;
}

const GLOBAL_OPTIONS = [
  // The addresses are the network's to give: probing for others that have them would take five seconds.
  "noarp",
  "nodelay",
  "noipv4ll",
  // The kernel hears routers.
  "noipv6rs",
  // The agent has its own limit; the client goes on asking.
  "timeout 0",
  // A VM remembers no address of an earlier life.
  "reboot 0",
  "release",
  "option classless_static_routes, routers, domain_name_servers, domain_name, domain_search",
  "option dhcp6_name_servers, dhcp6_domain_search",
];

function interfaceOptions({ name, ipv4, ipv6 }: InterfaceConfiguration): string[] {
  const hostname = ipv4?.hostname ?? ipv6?.hostname ?? "";
  return [
    `interface ${name}`,
    `hostname ${hostname}`,
    "clientid",
    ...(ipv4?.method === "dhcp" ? ["dhcp"] : ["nodhcp"]),
    ...(ipv6?.method === "dhcp" ? ["ia_na 1"] : ["nodhcp6"]),
  ];
}

function isSame(one: readonly InterfaceConfiguration[], other: readonly InterfaceConfiguration[]): boolean {
  return configurationOf(one) === configurationOf(other);
}

function readOrNothing(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
