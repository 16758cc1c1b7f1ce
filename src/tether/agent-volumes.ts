import { isIP } from "node:net";
import type { Names, Reaper, VolumeConfiguration } from "../init/index.ts";
import type { VolumeParts, Volumes, VolumePlace, VolumeTarget } from "../init/volumes/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { System } from "../system/system.ts";

/** The volumes of the container VM: their code is loaded when there is one. */
export class AgentVolumes {
  readonly #parts: VolumeParts;
  #volumes: Volumes | undefined;
  #afterwards: (() => Promise<void>) | undefined;

  /** @param names what the container has in hosts and resolv.conf, where servers are looked up. */
  constructor(system: System, reaper: Reaper, names: () => Names | undefined) {
    this.#parts = {
      system,
      copyFolder: async (source, target) => {
        const { copyFolder } = await import("../files/index.ts");
        await copyFolder(system, source, target);
      },
      exitOf: (pid) => reaper.exitOf(pid),
      resolve: (host) => resolveHost(host, names()),
    };
  }

  /**
   * Goes before the fork through what a machine with volumes needs: the fork finds it in its memory. A template without
   * their disks loads nothing.
   */
  async rehearse(usual: readonly VolumeConfiguration[]): Promise<void> {
    if (usual.length === 0) return;
    await this.#load();
    const { rehearseVolumes } = await import("../init/volumes/rehearse-volumes.ts");
    await rehearseVolumes(this.#parts, usual);
  }

  /** As {@link Volumes.mountAhead}. */
  async mountAhead(volumes: readonly VolumeConfiguration[], layerDisk: string): Promise<void> {
    if (volumes.length > 0) await (await this.#load()).mountAhead(volumes, layerDisk);
  }

  /** As {@link Volumes.mount}. */
  async mount(volumes: readonly VolumeConfiguration[]): Promise<void> {
    if (volumes.length > 0) await (await this.#load()).mount(volumes);
  }

  /** As {@link Volumes.places}. */
  get places(): readonly VolumePlace[] {
    return this.#volumes?.places ?? [];
  }

  /** As {@link Volumes.disks}. */
  get disks(): ReadonlyMap<string, readonly string[]> {
    return this.#volumes?.disks ?? new Map();
  }

  /** As {@link Volumes.attach}. */
  attach(target: VolumeTarget): void {
    this.#volumes?.attach(target);
  }

  /** As {@link Volumes.renew}. */
  async renew(): Promise<void> {
    await this.#volumes?.renew();
  }

  /** As {@link Volumes.apply}. */
  async apply(next: readonly VolumeConfiguration[], target: VolumeTarget): Promise<void> {
    if (this.#volumes !== undefined || next.length > 0) await (await this.#load()).apply(next, target);
  }

  /** Goes on with what an agent before this one has mounted. */
  async resume(volumes: readonly VolumeConfiguration[]): Promise<void> {
    if (volumes.length > 0) (await this.#load()).resume(volumes);
  }

  /** Does what may only be done when the volumes are gone, as giving back the address by which one comes. */
  async before(work: () => Promise<void>): Promise<void> {
    if (this.#volumes === undefined) await work();
    else this.#afterwards = work;
  }

  /** As {@link Volumes.release}. */
  async release(): Promise<readonly string[]> {
    const failures = (await this.#volumes?.release()) ?? [];
    await this.#afterwards?.();
    return failures;
  }

  async #load(): Promise<Volumes> {
    const { Volumes } = await import("../init/volumes/index.ts");
    this.#volumes ??= new Volumes(this.#parts);
    return this.#volumes;
  }
}

/** The agent has no resolv.conf of its own: it asks the container's name servers, after the container's hosts. */
async function resolveHost(host: string, names: Names | undefined): Promise<string> {
  if (isIP(host) !== 0) return host;
  const { extraHosts = [], resolver } = names ?? {};
  const known = extraHosts.find((line) => line.names.includes(host));
  if (known !== undefined) return known.address;
  const servers = resolver?.nameservers ?? [];
  if (servers.length === 0)
    throw new TetherError("volume-failed", `${host} cannot be looked up: the container has no name server`);
  const { Resolver } = await import("node:dns/promises");
  const dns = new Resolver({ timeout: 3000, tries: 2 });
  dns.setServers(servers);
  const answers = await Promise.allSettled([dns.resolve4(host), dns.resolve6(host)]);
  const [address] = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  if (address !== undefined) return address;
  throw new TetherError(
    "volume-failed",
    `${host} has no address that the name servers ${servers.join(", ")} know`,
  );
}
