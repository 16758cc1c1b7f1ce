import type { NetworkConfiguration, Reaper } from "../init/index.ts";
import type { Network } from "../init/network/index.ts";
import type { System } from "../system/system.ts";

/** What the network needs of the agent. */
export interface AgentNetworkParts {
  readonly system: System;
  readonly reaper: Reaper;
  /** What the vNICs bring to the container's name files is different. */
  readonly onNames: () => void;
  /** Is told what fails while the container runs. */
  readonly report: (message: string) => void;
}

/** The vNICs of the container VM: their code is loaded when there is one. */
export class AgentNetwork {
  readonly #parts: AgentNetworkParts;
  #network: Network | undefined;

  constructor(parts: AgentNetworkParts) {
    this.#parts = parts;
  }

  /** Undefined as long as there was no vNIC. */
  get names(): Network["names"] | undefined {
    return this.#network?.names;
  }

  /**
   * Goes before the fork through what a machine with vNICs needs: the fork finds it in its memory. A template without
   * vNICs loads nothing, and its forks need none of it.
   */
  async rehearse(usual: NetworkConfiguration): Promise<void> {
    if (usual.interfaces.length > 0) await (await this.#load()).rehearse(usual);
  }

  /** As {@link Network.apply}. @throws TetherError its own. */
  async apply(next: NetworkConfiguration): Promise<void> {
    if (this.#network !== undefined || next.interfaces.length > 0) await (await this.#load()).apply(next);
  }

  /** Goes on with what an agent before this one has applied. Before the reaper starts. */
  async resume(configuration: NetworkConfiguration): Promise<void> {
    if (configuration.interfaces.length > 0) (await this.#load()).resume(configuration);
  }

  /** The image that the network's programs run from is going. */
  renewPrograms(): void {
    this.#network?.renewPrograms();
  }

  /** Gives the addresses back that servers have given. */
  async release(): Promise<void> {
    await this.#network?.release();
  }

  async #load(): Promise<Network> {
    const { Network } = await import("../init/network/index.ts");
    this.#network ??= new Network(this.#parts);
    return this.#network;
  }
}
