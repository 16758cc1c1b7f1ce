import { randomBytes } from "node:crypto";
import { z } from "zod";
import { TetherError } from "../../protocol/errors/index.ts";
import type { Hardware } from "../driver.ts";
import { AGENT_SLOTS, type AgentSlot, agentDiskDevice } from "./agent-slots.ts";
import type { QmpClient } from "./qmp-client.ts";
import { visitQmp } from "./qmp-visit.ts";
import { UNPLUG_LIMIT_MS, unplugDevice } from "./unplug-device.ts";

/*
 * Disks of agent images that are plugged into a running machine. Each has one name: as a block node, as a device, and
 * as the serial number by which the guest finds it. The name tells its slot.
 */

const nodesSchema = z.array(z.looseObject({ "node-name": z.string() }));

const VISIT_LIMIT_MS = UNPLUG_LIMIT_MS + 10_000;

/** What QEMU says of a machine that was started without slots. */
const NO_SLOTS = /Bus '.*' not found/;

/**
 * Plugs an agent image as a disk that the guest can only read, in the slot that is not in use.
 *
 * @param folder the machine's.
 * @param image as QEMU finds it.
 * @param inUse the plugged disk that the guest's agent is on: every other one is removed first.
 * @returns the disk's serial number.
 * @throws TetherError `hypervisor-failed`, `upgrade-failed`; nothing is left then.
 */
export function plugAgentDisk(
  folder: string,
  hardware: Hardware,
  image: string,
  inUse: string | undefined,
): Promise<string> {
  return visitQmp(
    folder,
    async (qmp) => {
      await removeAllBut(qmp, inUse);
      const slot = AGENT_SLOTS.find((each) => inUse === undefined || each !== slotOf(inUse)) ?? 0;
      const name = `agent-${slot}-${randomBytes(5).toString("hex")}`;
      const file = { driver: "file", filename: image, "read-only": true };
      await qmp.execute("blockdev-add", { driver: "raw", "node-name": name, "read-only": true, file });
      try {
        const device = agentDiskDevice(hardware, slot);
        await qmp.execute("device_add", { ...device, id: name, drive: name, serial: name });
      } catch (error) {
        await qmp.execute("blockdev-del", { "node-name": name });
        throw explain(error);
      }
      return name;
    },
    VISIT_LIMIT_MS,
  );
}

/**
 * Unplugs every disk of an agent image that was plugged, but this one.
 *
 * @param folder the machine's.
 * @throws TetherError `hypervisor-failed`, also when the guest does not let go of one.
 */
export function removeAgentDisks(folder: string, inUse: string | undefined): Promise<void> {
  return visitQmp(folder, (qmp) => removeAllBut(qmp, inUse), VISIT_LIMIT_MS);
}

async function removeAllBut(qmp: QmpClient, inUse: string | undefined): Promise<void> {
  const nodes = nodesSchema.parse(await qmp.execute("query-named-block-nodes", { flat: true }));
  for (const { "node-name": name } of nodes)
    if (slotOf(name) !== undefined && name !== inUse) await remove(qmp, name);
}

async function remove(qmp: QmpClient, name: string): Promise<void> {
  await unplugDevice(qmp, name, `the disk ${name}`);
  await qmp.execute("blockdev-del", { "node-name": name });
}

/** @returns undefined for what is no plugged agent disk. */
function slotOf(name: string): AgentSlot | undefined {
  const slot = Number(/^agent-(\d)-[0-9a-f]{10}$/.exec(name)?.[1]);
  return AGENT_SLOTS.find((each) => each === slot);
}

function explain(error: unknown): unknown {
  if (!(error instanceof TetherError) || !NO_SLOTS.test(error.message)) return error;
  return new TetherError(
    "upgrade-failed",
    "the container VM was started by an earlier version of vch, and has no place for another agent: restart it",
    { cause: error },
  );
}
