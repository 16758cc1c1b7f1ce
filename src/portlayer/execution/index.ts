/** Containers and their machines: the state folder, the records, and all that can be done with a container. */
export { findBootFiles } from "./boot-files.ts";
export type { AttachEnd } from "./container-attach.ts";
export { makeFilter } from "./container-filter.ts";
export { isContainerName } from "./container-names.ts";
export type { ExecRequest } from "./container-exec.ts";
export type { LogOutput, LogRequest } from "./container-logs.ts";
export { type ContainerRecord, exitStatus } from "./container-record.ts";
export {
  type ContainerSettings,
  DEFAULT_LOG,
  DEFAULT_SECURITY,
  type HealthCheck,
  type LogSettings,
  NO_RESTART,
  parseSecuritySettings,
  RESTART_POLICIES,
  type RestartPolicy,
  type SecuritySettings,
} from "./container-settings.ts";
export { type ContainerState, type ContainerStatus, hasGuest, isUp } from "./container-state.ts";
export type { StatisticsAccess } from "./container-statistics.ts";
export type { ContainerSize } from "./container-size.ts";
export type { StopOptions } from "./container-stop.ts";
export { ProcessLock } from "../storage/index.ts";
export { ContainerStore } from "./container-store.ts";
export type { Upgraded, UpgradeOptions } from "./container-upgrade.ts";
export type { KnownContainer } from "./core.ts";
export { describeAge } from "./describe-age.ts";
export { describeStatus } from "./describe-status.ts";
export { makeEventFilter, toDockersEvent } from "./docker-events.ts";
export type { DueRestart, RestartOccasion } from "./due-restarts.ts";
export type { ContainerEvent } from "./event-journal.ts";
export type { EventRange } from "./event-stream.ts";
export { Execution } from "./execution.ts";
export type { ExecutionComponents } from "./execution-components.ts";
export type { RunControl } from "./foreground-run.ts";
export { parseExtraHost } from "./host-options.ts";
export { type Inspection, listedMounts } from "./inspection.ts";
export { makeLogSettings } from "./log-options.ts";
export { parseSize } from "./parse-size.ts";
export type { ProcessTable } from "./process-list.ts";
export type { BootMedium, ContainerRequest, RunRequest, StartKind } from "./run-request.ts";
export { SHORT_ID_LENGTH } from "./run-request.ts";
export type { RawLink, SshAccess } from "./ssh-access.ts";
export { NO_SECURITY_WORDS, parseSysctls } from "./security-options.ts";
export { checkState, type StateCheck } from "./state-check.ts";
export { ENDPOINT_LOCK, openStateFolder, type StateFolder } from "./state-folder.ts";
export {
  describePorts,
  networkNames,
  type NetworkSettings,
  type NetworkWords,
  parseNetworkSettings,
  reachedInterfaces,
} from "../networking/index.ts";
export {
  type ArchivedImage,
  chainIdsOf,
  contentOf,
  type Image,
  type ImageDetails,
  type ImageStore,
  type LayerProgress,
  type MountSettings,
  type NamedImage,
  normaliseRegistryName,
  TOOL_PACKAGES,
  parseMounts,
  type RegistryLogin,
  repositoryOf,
  type SavedImage,
  type VolumeRecord,
} from "../storage/index.ts";
