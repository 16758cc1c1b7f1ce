/** Somewhere that a hypervisor, or whoever starts the machine, keeps the configuration document. */
export interface ConfigurationSource {
  /** Names it in messages: `fw_cfg (opt/tether/config)`. */
  readonly name: string;

  /**
   * The document, in any form that `readDocument` reads. May be called again: after a fork, or for a newer generation.
   *
   * @returns undefined when there is none here.
   * @throws TetherError `guest-initialisation` when there is one that cannot be had.
   */
  read(): Promise<Uint8Array | undefined>;
}
