/**
 * One process of the container, from launch to its last output byte: who it runs as, what it reads and
 * writes, how it ended, and the clients that are attached to it. Knows nothing of SSH.
 */
export { type ContainerHandles, launch, sealLauncher } from "./launcher.ts";
export {
  DEFAULT_PROCESS_SECURITY,
  makePrivileged,
  makeProcessSecurity,
  type ProcessSecurity,
  type ResourceLimit,
  type SecurityOptions,
} from "./security.ts";
export type { ContainerCgroup } from "./container-cgroup.ts";
export { MAIN_SESSION } from "./container-components.ts";
export { HEALTH_STATUS } from "./container-health.ts";
export { type ContainerLife, ContainerSessions } from "./container-sessions.ts";
export type { ExecRequest, SessionEntry } from "./session-entry.ts";
export type { Health, HealthCheck } from "./health-monitor.ts";
export { type ProcessFacts, readProcesses } from "./process-list.ts";
export { readContainerFile } from "../system/container-file.ts";
export { findLoginShell } from "./login-shell.ts";
export { lookUpUser, type User } from "./user.ts";
export type { RestartPolicy } from "./restart-policy.ts";
export { Session } from "./session.ts";
export type {
  Client,
  Exit,
  OutputRecord,
  SessionComponents,
  SessionObserver,
  SessionState,
} from "./session-components.ts";
export type { SavedLife, SavedSession, SessionStore } from "./session-store.ts";
export { descriptorsOf } from "./standard-streams.ts";
export type { SessionSpecification } from "./session-specification.ts";
export type { OpenPty } from "./standard-streams.ts";
