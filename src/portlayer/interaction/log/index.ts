/**
 * A container's log on the host: reading it, from any place and as it grows, and keeping its size within limits.
 * The guest writes it through its log port; its records are in src/protocol/log.
 */
export { beginRun } from "./begin-run.ts";
export type { LogEntry, LogTime } from "./log-entry.ts";
export { FolderWatch } from "./folder-watch.ts";
export { LogKeeper } from "./log-keeper.ts";
export { formatLogTime, parseLogTime } from "./log-time.ts";
export { type FollowOptions, readLog, type ReadLogOptions } from "./read-log.ts";
export { readRecordedEvents } from "./recorded-events.ts";
export {
  type LogLimit,
  removeLog,
  rotateIfNeeded,
  type RunningLog,
  type SwitchLogFile,
} from "./rotate-log.ts";
