import { join } from "node:path";
import type { Command } from "commander";
import { VIRTIOFSD, whyNoKvm } from "../../hypervisor/index.ts";
import {
  checkState,
  findBootFiles,
  openStateFolder,
  TOOL_PACKAGES,
} from "../../portlayer/execution/index.ts";
import { machineUser, whyCallersUser } from "../machine-user.ts";

const SIGNS = { ok: "ok     ", warning: "warning", failure: "FAILURE" } as const;

/** Adds `vch doctor`. @param bootFolder iso-build's output folder. */
export function addDoctorCommand(program: Command, bootFolder: string): void {
  program
    .command("doctor")
    .description("Look whether this machine has what container VMs need, and say what to do")
    .action(async () => {
      const { runChecks } = await import("./run-checks.ts");
      const programs = join(bootFolder, "../native");
      const findings = runChecks({
        openState: () => openStateFolder(process.env),
        checkState,
        findBootMedium: () => void findBootFiles(bootFolder, "kernel"),
        whyNoKvm: () => whyNoKvm() ?? machineUser(programs, process.env).whyNoKvm(),
        tools: TOOL_PACKAGES,
        folderServer: VIRTIOFSD,
        environment: process.env,
        userId: process.geteuid?.(),
        whyCallersUser: () => whyCallersUser(programs, process.env),
      });
      for (const { is, what, says } of findings) process.stdout.write(`${SIGNS[is]} ${what}: ${says}\n`);
      // Whoever asks in a script wants to know whether containers can run.
      if (findings.some(({ is }) => is === "failure")) process.exitCode = 1;
    });
}
