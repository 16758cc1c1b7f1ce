import { ALL_CAPABILITIES } from "../../capabilities.ts";
import type { tether } from "../../generated/config.js";
import type { Problems } from "../problems.ts";
import { bounded, checkSafe, checkText, quote } from "./text.ts";

const MOST_OOM_SCORE = 1000;

/** NGROUPS_MAX is 65536; no user has a thousand. */
const MOST_GROUPS = 1024;
const MOST_LIMITS = 64;

/** As many as there are, and ALL. */
const MOST_CAPABILITIES = 256;

/** struct sock_filter and BPF_MAXINSNS (linux/filter.h, linux/bpf_common.h). */
const INSTRUCTION_BYTES = 8;
const MOST_INSTRUCTIONS = 4096;

/** Names of prlimit(1) that Docker knows, and so does the launcher. */
const LIMITS = new Set(
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
    " ",
  ),
);

/** The message Security. */
export function checkSecurity(
  security: tether.config.Security.$Properties | null | undefined,
  problems: Problems,
): void {
  if (security === null || security === undefined) return;
  checkCapabilities(security.capAdd, problems.at("cap_add"));
  checkCapabilities(security.capDrop, problems.at("cap_drop"));
  const limits = problems.at("ulimits");
  for (const [index, limit] of bounded(security.ulimits, MOST_LIMITS, limits).entries())
    checkLimit(limit, limits.at(index));
  const score = security.oomScoreAdj ?? 0;
  if (Math.abs(score) > MOST_OOM_SCORE)
    problems.at("oom_score_adj").add(`${score} is not between -1000 and 1000`);
  const groups = problems.at("groups");
  for (const [index, group] of bounded(security.groups, MOST_GROUPS, groups).entries()) {
    checkText(group, groups.at(index));
    if (group === "") groups.at(index).add("is empty");
  }
  const { length } = security.seccompProgram ?? new Uint8Array();
  if (length % INSTRUCTION_BYTES !== 0 || length > MOST_INSTRUCTIONS * INSTRUCTION_BYTES)
    problems.at("seccomp_program").add(`is no filter: ${length} bytes`);
}

function checkCapabilities(names: readonly string[] | null | undefined, problems: Problems): void {
  for (const [index, name] of bounded(names, MOST_CAPABILITIES, problems).entries())
    if (name !== "ALL" && !ALL_CAPABILITIES.includes(name))
      problems.at(index).add(`${quote(name)} is no capability`);
}

function checkLimit({ name, soft, hard }: tether.config.Ulimit.$Properties, problems: Problems): void {
  if (!LIMITS.has(name ?? "")) problems.at("name").add(`${quote(name ?? "")} is no resource limit`);
  for (const [field, value] of [
    ["soft", soft ?? 0],
    ["hard", hard ?? 0],
  ] as const) {
    checkSafe(value, problems.at(field));
    if (value < -1) problems.at(field).add("is below -1");
  }
}
