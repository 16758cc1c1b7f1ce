import type { Figure } from "../figure.ts";
import { measureApi } from "./api.ts";
import { measureDiskCreation } from "./disk-creation.ts";
import { measureAttachThroughput } from "./attach-throughput.ts";
import { measureDockerExec } from "./docker-exec.ts";
import { measureDockerLoad } from "./docker-load.ts";
import { measureDockerLogs } from "./docker-logs.ts";
import { measureDockerRun } from "./docker-run.ts";
import { measureEndpointMemory } from "./endpoint-memory.ts";
import { measureExecAgainstSshd } from "./exec-against-sshd.ts";
import { measureExecLoss } from "./exec-loss.ts";
import { measureExec } from "./exec.ts";
import { measureIdleMemory } from "./idle-memory.ts";
import { measureInfoGet } from "./info-get.ts";
import { measureIsoSize } from "./iso-size.ts";
import { measureNetwork } from "./network.ts";
import { measureReload } from "./reload.ts";
import { measureSmallestMemory } from "./smallest-memory.ts";
import { measureStart } from "./start.ts";
import { measureStatsLine } from "./stats-line.ts";
import { measureStats } from "./stats.ts";
import { measureStop } from "./stop.ts";
import { measureVolumes } from "./volumes.ts";

/** Every figure that is promised, by the name that `--only` takes, in the order of the table. */
export const figures: Readonly<Record<string, Figure>> = {
  start: measureStart,
  memory: measureIdleMemory,
  "smallest-memory": measureSmallestMemory,
  iso: measureIsoSize,
  disk: measureDiskCreation,
  exec: measureExec,
  "exec-against-sshd": measureExecAgainstSshd,
  "attach-throughput": measureAttachThroughput,
  "exec-loss": measureExecLoss,
  stop: measureStop,
  network: measureNetwork,
  volumes: measureVolumes,
  reload: measureReload,
  "info-get": measureInfoGet,
  "stats-line": measureStatsLine,
  stats: measureStats,
  api: measureApi,
  "docker-exec": measureDockerExec,
  "docker-run": measureDockerRun,
  "docker-logs": measureDockerLogs,
  "docker-load": measureDockerLoad,
  "endpoint-memory": measureEndpointMemory,
};
