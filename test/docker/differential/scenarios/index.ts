/** Every scenario, in the order in which they run. */
import type { Group } from "../scenario.ts";
import { COPIES } from "./copies.ts";
import { ENGINE } from "./engine.ts";
import { EVENTS } from "./events.ts";
import { EXEC } from "./exec.ts";
import { IMAGES } from "./images.ts";
import { LIFE } from "./life.ts";
import { LISTS } from "./lists.ts";
import { LOGS } from "./logs.ts";
import { REFUSALS } from "./refusals.ts";
import { RUN } from "./run.ts";
import { TERMINAL } from "./terminal.ts";
import { VOLUMES } from "./volumes.ts";

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
