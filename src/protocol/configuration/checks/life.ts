import { tether } from "../../generated/config.js";
import type { Problems } from "../problems.ts";
import { checkWords } from "./session.ts";
import { checkEnum } from "./text.ts";

const { Kind } = tether.config.RestartPolicy;

/** The message RestartPolicy. */
export function checkRestart(
  restart: tether.config.RestartPolicy.$Properties | null | undefined,
  problems: Problems,
): void {
  checkEnum(restart?.kind, Kind, problems.at("kind"));
}

/** The message HealthCheck. */
export function checkHealth(
  health: tether.config.HealthCheck.$Properties | null | undefined,
  problems: Problems,
): void {
  if (health === null || health === undefined) return;
  const args = health.args ?? [];
  if (args.length === 0) problems.at("args").add("is empty");
  checkWords(args, problems.at("args"));
}
