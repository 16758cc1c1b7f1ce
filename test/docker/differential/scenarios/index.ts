/** Every scenario, in the order in which they run. */
import type { Group } from "../scenario.ts";
import { COPIES } from "./copies.ts";
import { ENGINE, EVENTS } from "./engine.ts";
import { EXEC } from "./exec.ts";
import { LIFE } from "./life.ts";
import { LISTS } from "./lists.ts";
import { LOGS } from "./logs.ts";
import { REFUSALS, RUN } from "./run.ts";
import { IMAGES, VOLUMES } from "./stores.ts";
import { TERMINAL } from "./terminal.ts";

export const GROUPS: readonly Group[] = [
  ENGINE,
  LISTS,
  RUN,
  REFUSALS,
  EXEC,
  TERMINAL,
  LOGS,
  LIFE,
  COPIES,
  IMAGES,
  VOLUMES,
  EVENTS,
];
