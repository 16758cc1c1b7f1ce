/** Containers and their machines: the state folder, the records, and the run of a container from image to exit. */
export { type ContainerRecord, exitStatus } from "./container-record.ts";
export { ContainerStore } from "./container-store.ts";
export { Execution, type ExecutionComponents } from "./execution.ts";
export type { RunControl } from "./foreground-run.ts";
export type { BootMedium, RunRequest, StartKind } from "./run-request.ts";
export { SHORT_ID_LENGTH } from "./run-request.ts";
export { openStateFolder, type StateFolder } from "./state-folder.ts";
