import { existsSync } from "node:fs";
import { join } from "node:path";
import type { AdoptedMachine } from "../../hypervisor/index.ts";
import { isAgentImage } from "../../protocol/agent-image.ts";
import type { Event, Snapshot } from "../../protocol/control-messages.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import type { tether } from "../../protocol/generated/control.js";
import { UPGRADE_FAILED } from "../../protocol/link-names.ts";
import { AGENT_IMAGE } from "./boot-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import { isUp, observeState } from "./container-state.ts";
import { type Core, lockSettled } from "./core.ts";
import { adoptMachine, type GuestAccess, openGuest } from "./guest-access.ts";
import { settingsOf } from "./machine-start.ts";

/** How an upgrade is carried out. */
export interface UpgradeOptions {
  /** Folder with the agent image, as iso-build makes it; undefined: the one that `vch` itself starts machines from. */
  readonly bootFolder?: string | undefined;
  /** Seconds that the new agent has until it answers; undefined: 30. */
  readonly limitS?: number | undefined;
}

/** The agents of a container VM that was upgraded. */
export interface Upgraded {
  readonly before: string;
  readonly after: string;
}

const DEFAULT_LIMIT_S = 30;

/** The agent before is back this much later than the new one's time is up. */
const HAND_BACK_MS = 15_000;

/**
 * Hands a running container over to the agent of another image, without interrupting its processes. The container is
 * locked meanwhile.
 *
 * @throws TetherError `upgrade-failed` with the reason: the container goes on with the agent it has had;
 *   `container-not-running`; `not-set-up` when there is no image.
 */
export async function upgradeContainer(
  core: Core,
  reference: string,
  { bootFolder = core.components.bootFolder, limitS = DEFAULT_LIMIT_S }: UpgradeOptions,
): Promise<Upgraded> {
  using container = await lockSettled(core, reference);
  const { record } = container;
  if (!isUp(observeState(core.containers, record)))
    throw new TetherError(
      "container-not-running",
      `Container ${record.id} is not running: it gets the agent that vch has when it is started`,
    );
  const image = findAgentImage(bootFolder);
  const folder = core.containers.folderOf(record.id);
  await using machine = adoptMachine(core.components.driver, record, folder);
  return await new Upgrade({ core, record, folder, machine, limitS }).complete(image);
}

function findAgentImage(folder: string): string {
  const image = join(folder, AGENT_IMAGE);
  if (!existsSync(image)) throw new TetherError("not-set-up", `the agent image is missing: no ${image}`);
  if (!isAgentImage(image)) throw new TetherError("upgrade-failed", `${image} is no agent image`);
  return image;
}

interface UpgradeParts {
  readonly core: Core;
  readonly record: ContainerRecord;
  readonly folder: string;
  readonly machine: AdoptedMachine;
  readonly limitS: number;
}

/** Which agent answers, and the events of the guest so far. */
interface Present {
  readonly agent: tether.control.AgentState.$Properties;
  readonly events: readonly Event[];
}

class Upgrade {
  readonly #parts: UpgradeParts;
  /** The disk that the agent runs from; undefined for the one that the VM has booted from. */
  #inUse: string | undefined;
  /** Between two agents nobody knows which disk is in use: neither may be taken away. */
  #isDecided = true;

  constructor(parts: UpgradeParts) {
    this.#parts = parts;
  }

  async complete(image: string): Promise<Upgraded> {
    const { machine, record } = this.#parts;
    const before = await this.#visit(observe);
    // Its disk and that of the agent before are both in use, until one of them is decided on.
    if (before.agent.isUnconfirmed)
      throw new TetherError(
        "upgrade-failed",
        `${UPGRADE_FAILED}an earlier upgrade was interrupted, and will be taken back soon: try again then`,
      );
    const { hardware } = settingsOf(record);
    this.#inUse = before.agent.diskSerial || undefined;
    const disk = await machine.plugAgentDisk(image, hardware, this.#inUse);
    try {
      return { before: before.agent.version ?? "", after: await this.#exchange(disk, before) };
    } finally {
      // Else the next upgrade does so.
      if (this.#isDecided) await machine.removeAgentDisks(this.#inUse);
    }
  }

  /** @returns the new agent's version. */
  async #exchange(disk: string, before: Present): Promise<string> {
    const { limitS } = this.#parts;
    try {
      await this.#visit((guest) =>
        guest.connection.request({ upgradeAgent: { diskSerial: disk, limitS } }).then(() => {}),
      );
    } catch (error) {
      // The agent is replaced, and nobody answers.
      if (!(error instanceof TetherError) || error.code !== "guest-lost") throw explainRefusal(error);
    }
    this.#isDecided = false;
    return this.#confirm(disk, before, Date.now() + limitS * 1000 + HAND_BACK_MS);
  }

  /** Connects to whichever agent there is now. */
  async #confirm(disk: string, before: Present, until: number): Promise<string> {
    for (;;) {
      try {
        return await this.#visit(async (guest) => {
          const present = await observe(guest);
          if (present.agent.diskSerial !== disk) {
            this.#isDecided = true;
            throw explainFailure(before, present);
          }
          if (present.agent.isUnconfirmed) await guest.connection.request({ confirmUpgrade: {} });
          this.#inUse = disk;
          this.#isDecided = true;
          return present.agent.version ?? "";
        });
      } catch (error) {
        if (!(error instanceof TetherError) || !PASSING.has(error.code) || Date.now() > until) throw error;
      }
    }
  }

  async #visit<T>(work: (guest: GuestAccess) => Promise<T>): Promise<T> {
    const { core, record } = this.#parts;
    await using guest = await openGuest(core, record);
    return await work(guest);
  }
}

/** What comes of an agent that is not there yet, or not any more. */
const PASSING: ReadonlySet<string> = new Set(["guest-lost", "guest-not-connected"]);

async function observe({ connection }: GuestAccess): Promise<Present> {
  const { agent } = await connection.request({ describeAgent: {} });
  const { events }: Snapshot = await connection.snapshot();
  return { agent: agent ?? {}, events: events ?? [] };
}

function explainRefusal(error: unknown): TetherError {
  const { message } = TetherError.from(error, "upgrade-failed", "asking the agent");
  return new TetherError("upgrade-failed", `${UPGRADE_FAILED}${message}`, { cause: error });
}

/** The agent that answers is another one than that which was to take over: it tells why. */
function explainFailure(before: Present, present: Present): TetherError {
  const last = before.events.at(-1)?.sequence ?? 0;
  const reasons = present.events
    .filter(({ sequence }) => (sequence ?? 0) > last)
    .flatMap(({ agentRestarted }) => agentRestarted?.reason ?? []);
  const reason = reasons.at(-1) ?? "the agent does not say why";
  return new TetherError(
    "upgrade-failed",
    reason.startsWith(UPGRADE_FAILED) ? reason : `${UPGRADE_FAILED}${reason}`,
  );
}
