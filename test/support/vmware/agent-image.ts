import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeErofs, stageAgentTree } from "../../../iso-build/agent-image/index.ts";
import { built } from "../native-system.ts";
import { ROOT } from "../vm-host.ts";
import { compileC, findCpuid } from "./emulator.ts";

/**
 * An agent image with which a VM is one of VMware's for the agent and for the container: the agent that was built, as
 * PID 1 under the emulator, whose keys are on the VM's third disk.
 *
 * @returns the image's path, in the folder.
 */
export async function vmwareAgentImage(folder: string): Promise<string> {
  const [tree, image] = [join(folder, "tree"), join(folder, "agent.erofs")];
  mkdirSync(tree, { recursive: true });
  const agent = join(ROOT, "build/agent");
  await stageAgentTree({ agent: join(agent, "tether"), prefetch: join(agent, "prefetch") }, tree);
  renameSync(join(tree, "tether"), join(tree, "agent"));
  const emulator = join(import.meta.dirname, "emulator");
  const sources = readdirSync(emulator).filter((name) => name.endsWith(".c"));
  const paths = sources.map((name) => join(emulator, name));
  compileC(join(tree, "emulator"), paths, ["-static"]);
  compileC(join(tree, "tether"), [join(import.meta.dirname, "vmware-init.c")], ["-static"]);
  // The agent unpacks its addon there.
  const sites = findCpuid(built("tether.node")).map((site) => site.slice(site.lastIndexOf(":")));
  const lines = [...sites.map((site) => `--cpuid-site=/run/tether/tether.node${site}`), "--", "/agent"];
  writeFileSync(join(tree, "emulator-arguments"), `${lines.join("\n")}\n`);
  await makeErofs(tree, image, "plain");
  execFileSync("rm", ["-r", tree]);
  return image;
}
