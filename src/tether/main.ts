import { writeSync } from "node:fs";
import { RUN_DIRECTORY } from "../init/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { CRASH_VARIABLE } from "../system/crash-plan.ts";
import type { NativeBinding } from "../system/native-binding.ts";
import { LinuxSystem, loadNativeAddon } from "../system/linux-system.ts";
import { NativePacketCiphers } from "../system/packet-ciphers.ts";
import { Agent } from "./agent.ts";
import { Assets, type ReadAsset } from "./assets.ts";
import { loadOpenPty } from "./node-pty.ts";
import { installCrashPlan, readTakeover } from "./crash-handling.ts";
import { providePacketCiphers } from "./ssh2-addon.ts";
import { Stages } from "./stages.ts";
import { TRIAL_OPTION } from "./trial-option.ts";
import { AGENT_VERSION } from "./version.ts";
import type { WarmUpTools } from "./warm-up.ts";

/** For the build alone, so that a start does not evaluate it. */
export async function warmUp(tools: WarmUpTools): Promise<void> {
  const module = await import("./warm-up.ts");
  await module.warmUp(tools);
}

/** Standard error, which stage 0 has connected to the console. */
const CONSOLE = 2;

/**
 * The agent's entry point, called by the executable's boot script (scripts/build-agent.ts).
 *
 * @param readAsset reads what was packed into the executable.
 * @param addon PID 1's: the boot script has loaded it, for the agent's own source.
 */
export function main(readAsset: ReadAsset, addon: NativeBinding | undefined): void {
  if (process.argv.includes("--version")) {
    writeSync(1, `tether ${AGENT_VERSION}\n`);
    return;
  }
  const trial = process.argv.indexOf(TRIAL_OPTION);
  if (trial >= 0) {
    void showTrial(readAsset, process.argv[trial + 1] ?? "");
    return;
  }
  if (process.pid !== 1 || addon === undefined) {
    writeSync(CONSOLE, "tether: this is the guest agent of a container VM; it runs as PID 1 only\n");
    process.exitCode = 1;
    return;
  }
  // Else Node opens its debugger for whoever sends this signal: the container's root could run code in the agent.
  process.on("SIGUSR1", () => {});
  // Node calls its main thread MainThread; `ps` in a container shows who PID 1 is.
  process.title = "tether";
  const stages = new Stages(CONSOLE);
  const stage0Ms = process.env["TETHER_STAGE0_MS"];
  if (stage0Ms !== undefined) stages.wasReached("stage 0", Number(stage0Ms));
  stages.reached("agent started");
  const assets = new Assets(readAsset, `${RUN_DIRECTORY}/tether`);
  const system = new LinuxSystem(addon);
  providePacketCiphers(new NativePacketCiphers(addon));
  const takeover = readTakeover(process.env);
  if (takeover !== undefined) {
    system.closeOnExec(takeover.oldRoot);
    // As soon as it can be: whatever fails from here on, the container goes on.
    installCrashPlan(system, takeover);
  }
  const agent = new Agent({
    system,
    stages,
    launcher: () => assets.unpack("tether-exec"),
    openPty: loadOpenPty(() => assets.unpack("pty.node")),
    takeover,
  });
  const die = (error: unknown): void => {
    // The container goes on with an agent that takes over.
    if (agent.canBeReplaced) system.restart(`uncaught ${String(error)}`);
    agent.fail(TetherError.from(error, "internal", "the agent failed"));
    system.sync();
    system.reboot("power-off");
  };
  process.on("uncaughtException", die);
  process.on("unhandledRejection", die);
  void agent.run(process.env[CRASH_VARIABLE]);
}

/** For the agent that runs, and thinks of handing over to this one: status 0, or the reason why not. */
async function showTrial(readAsset: ReadAsset, stateVersion: string): Promise<void> {
  try {
    const { passTrial } = await import("./pass-trial.ts");
    const assets = new Assets(readAsset, `${RUN_DIRECTORY}/tether`);
    await passTrial(new LinuxSystem(loadNativeAddon(assets.unpack("tether.node"))), stateVersion);
    writeSync(1, `tether ${AGENT_VERSION}\n`);
    process.exit(0);
  } catch (error) {
    writeSync(1, `${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
