/** Every scenario, in the order in which they run. */
import type { Group } from "../scenario.ts";
import { COPIES } from "./copies.ts";
import { ENGINE } from "./engine.ts";
import { EXEC } from "./exec.ts";
import { LISTS } from "./lists.ts";
import { LOGS } from "./logs.ts";
import { REFUSALS } from "./refusals.ts";

export const GROUPS: readonly Group[] = [ENGINE, LISTS, REFUSALS, EXEC, LOGS, COPIES];
