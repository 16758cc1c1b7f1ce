import { listInterfaces, listTemplateDisks } from "../init/index.ts";
import type { AgentNetwork } from "./agent-network.ts";
import type { AgentStatistics } from "./statistics/agent-statistics.ts";
import type { AgentVolumes } from "./agent-volumes.ts";

/** What is prepared. */
export interface TemplateParts {
  /** Unpacks the launcher. */
  readonly launcher: () => string;
  readonly network: AgentNetwork;
  readonly volumes: AgentVolumes;
  readonly statistics: AgentStatistics;
}

/**
 * Loads whatever a container VM needs in any case before the fork, and goes once through what becomes of a document: a
 * fork finds it in its memory.
 */
export async function prepareTemplate({
  launcher,
  network,
  volumes,
  statistics,
}: TemplateParts): Promise<void> {
  launcher();
  await import("./ssh-server.ts");
  const { rehearsalOf } = await import("./rehearsal.ts");
  const usual = await rehearsalOf({ slots: listInterfaces(), disks: listTemplateDisks() });
  await network.rehearse(usual.network);
  await volumes.rehearse(usual.volumes);
  await statistics.rehearse();
}
