import { TetherError } from "../protocol/errors/index.ts";
import type { System } from "../system/system.ts";
import type { GuestinfoSource } from "./configuration/guestinfo-source.ts";
import type { EventLog } from "./event-log.ts";
import type { WatchComponents } from "./guestinfo/document-watch.ts";
import type { GuestInfo } from "./guestinfo/index.ts";
import type { Stages } from "./stages.ts";
import type { AgentStatistics } from "./statistics/agent-statistics.ts";
import { STATE_FOLDER } from "./state-store.ts";
import type { ContainerStatus, GuestinfoStatus } from "./status/index.ts";
import { AGENT_VERSION } from "./version.ts";

/** Beside the agent's state, in memory. */
const SEAL_KEY_FILE = `${STATE_FOLDER}/seal-key`;

/** How long the VM stays on for a host that does not take its last status. */
const FLUSH_LIMIT_MS = 5000;

/** What the agent's dealings with VMware are made of. */
interface VmwareParts {
  readonly source: GuestinfoSource;
  readonly status: ContainerStatus;
  readonly sink: GuestinfoStatus;
  /** Beside everything else: nobody waits for what goes there. */
  readonly guestinfo: GuestInfo;
  readonly report: (message: string) => void;
  /** Begins to look for newer documents. */
  readonly watch: (target: Pick<WatchComponents, "apply" | "isReady" | "report">) => void;
}

/** What the agent has to do with VMware: the configuration comes from there, and what became of it goes there. */
export class VmwareGuest {
  readonly source: GuestinfoSource;
  readonly #status: ContainerStatus;
  readonly #sink: GuestinfoStatus;
  readonly #guestinfo: GuestInfo;
  readonly #report: (message: string) => void;
  readonly #watch: (target: Pick<WatchComponents, "apply" | "isReady" | "report">) => void;

  constructor({ source, status, sink, guestinfo, report, watch }: VmwareParts) {
    this.source = source;
    this.#status = status;
    this.#sink = sink;
    this.#guestinfo = guestinfo;
    this.#report = report;
    this.#watch = watch;
  }

  /** From now on statistics are written every so often. */
  async publishStatistics(statistics: Pick<AgentStatistics, "open">, periodMs: number): Promise<void> {
    const { GuestinfoStatistics } = await import("./statistics/guestinfo-statistics.ts");
    const { sampler } = await statistics.open();
    const [guestinfo, report] = [this.#guestinfo, this.#report];
    new GuestinfoStatistics({ guestinfo, sampler, periodMs, report }).start();
  }

  /** From now on a newer document that the host sets is applied, when `isReady` says so. */
  watch(isReady: () => boolean, apply: (document: Uint8Array) => Promise<string[]>): void {
    this.#watch({ isReady, apply, report: (outcome) => this.#status.reloaded(outcome) });
  }

  configured(hostname: string): void {
    this.#status.configured(hostname, this.source.isReadable);
  }

  /** The addresses of the vNICs may be others now. */
  refresh(): void {
    this.#status.refresh();
  }

  flush(): Promise<void> {
    return this.#sink.flush(FLUSH_LIMIT_MS);
  }
}

/**
 * On VMware: opens guestinfo, and reports there from now on whatever happens. Elsewhere nothing is loaded for it.
 *
 * @param events those that are there already, of an agent before this one, are reported too.
 * @param keyFile keeps what newer documents are opened with.
 * @param watching how often they are looked for; left out: every ten seconds.
 * @throws TetherError `guest-initialisation` on VMware without a usable backdoor.
 */
export async function openVmware(
  system: System,
  stages: Stages,
  events: EventLog,
  keyFile = SEAL_KEY_FILE,
  watching: { readonly everyMs?: number } = {},
): Promise<VmwareGuest | undefined> {
  if (!isVmware(system)) return undefined;
  const { DocumentWatch, GuestInfo } = await import("./guestinfo/index.ts");
  const { GuestinfoSource } = await import("./configuration/guestinfo-source.ts");
  const { ContainerStatus, GuestinfoStatus, machineAddresses } = await import("./status/index.ts");
  // The configuration is waited for by everybody; the status by nobody.
  const guestinfo = new GuestInfo((request) => system.rpci(request));
  const aside = new GuestInfo((request) => system.rpciAside(request));
  const report = (message: string): void => stages.failed(message);
  const sink = new GuestinfoStatus(aside, report);
  const status = new ContainerStatus({ sink, agentVersion: AGENT_VERSION, addresses: machineAddresses });
  for (const event of events.after(0)) status.happened(event);
  events.subscribe((event) => status.happened(event));
  stages.listen((stage) => status.reached(stage));
  // Its own source: a host that is slow keeps nobody waiting.
  const newer = new GuestinfoSource(aside, keyFile);
  return new VmwareGuest({
    ...{ source: new GuestinfoSource(guestinfo, keyFile), status, sink, guestinfo: aside, report },
    watch: (target) =>
      new DocumentWatch({ ...target, guestinfo: aside, read: () => newer.read(), ...watching }).start(),
  });
}

function isVmware(system: System): boolean {
  try {
    return system.probeBackdoor() !== "none";
  } catch (error) {
    throw TetherError.from(
      error,
      "guest-initialisation",
      "this VM runs on VMware, but its backdoor is switched off, or needs hypercalls because the memory is encrypted",
    );
  }
}
