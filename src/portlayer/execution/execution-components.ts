import type { HypervisorDriver } from "../../hypervisor/index.ts";
import type { Snapshot } from "../../protocol/control-messages.ts";
import type { StateFolder } from "./state-folder.ts";

/** The port layer's execution part is made of these. */
export interface ExecutionComponents {
  readonly state: StateFolder;
  readonly driver: HypervisorDriver;
  /** iso-build's output folder. */
  readonly bootFolder: string;
  /** For a process that goes on: keeps connections to guests for a while, until the execution part lets go of them. */
  readonly keepsGuests?: boolean;
  /** Progress for the user: one line each. */
  readonly report: (line: string) => void;
  /** What a user only wants to know who asks for it. */
  readonly reportDetail: (line: string) => void;
  /** Start-up stages of the guest, when they are known. */
  readonly onStages: (stages: NonNullable<Snapshot["stages"]>) => void;
}
