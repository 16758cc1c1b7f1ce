import { closeSync, constants, openSync } from "node:fs";
import { findAgentDisk, mountAgentImage, provideAgentMounts, removeAgentImages } from "../init/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { CRASH_VARIABLE, type Takeover, UPGRADE_VARIABLE } from "../system/crash-plan.ts";
import type { System } from "../system/system.ts";
import { AGENT_PATH, inheritedEnvironment } from "./crash-handling.ts";
import { type TrialParts, tryAgent } from "./trial.ts";

/** A disk that was plugged is there within 0.1 s, on a busy machine within a few. */
const DISK_LIMIT_MS = 10_000;

/** open(2); Node's constants lack it. */
const O_PATH = 0o10000000;

/** What of an upgrade the host says. */
export interface UpgradeRequest {
  readonly diskSerial: string;
  /** Until it must be confirmed, seconds. */
  readonly limitS: number;
}

/**
 * Hands everything over to the agent of another image, after that has shown that it runs here and can read what this
 * one has kept. Up to the last step nothing has changed for the container, and what was begun is taken back.
 *
 * @returns only by throwing: TetherError `upgrade-failed`, and this agent goes on.
 */
export async function upgradeAgent(request: UpgradeRequest, parts: TrialParts): Promise<never> {
  const { system } = parts;
  const { diskSerial, limitS } = request;
  try {
    const device = await findAgentDisk(system, diskSerial, DISK_LIMIT_MS);
    const image = mountAgentImage(system, device, diskSerial);
    await tryAgent(image, parts);
    provideAgentMounts(system, image);
    return executeIn(system, image, limitS);
  } catch (error) {
    removeAgentImages(system);
    throw TetherError.from(error, "upgrade-failed", "the agent cannot be upgraded");
  }
}

function executeIn(system: System, image: string, limitS: number): never {
  const root = openSync(image, O_PATH | constants.O_DIRECTORY);
  const oldRoot = openSync("/", O_PATH | constants.O_DIRECTORY);
  try {
    const takeover: Takeover = { oldRoot, image };
    system.keepDescriptor(oldRoot);
    return system.upgrade({
      root,
      oldRoot,
      path: AGENT_PATH,
      args: ["tether"],
      env: [
        ...inheritedEnvironment(),
        `${CRASH_VARIABLE}=upgrade`,
        `${UPGRADE_VARIABLE}=${JSON.stringify(takeover)}`,
      ],
      limitS,
    });
  } finally {
    closeSync(root);
    closeSync(oldRoot);
  }
}
