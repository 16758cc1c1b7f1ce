import { readFileSync } from "node:fs";
import {
  NO_SECURITY_WORDS,
  parseSecuritySettings,
  type SecuritySettings,
} from "../portlayer/execution/index.ts";
import { TetherError } from "../protocol/errors/index.ts";

/** What commander makes of Docker's security options. */
export interface SecurityOptions {
  readonly privileged?: true;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOpt: readonly string[];
  readonly ulimit: readonly string[];
  readonly oomScoreAdj?: string;
  readonly groupAdd: readonly string[];
}

/** @throws TetherError `invalid-option` in Docker's words. */
export function makeSecurity(options: SecurityOptions): SecuritySettings {
  const { privileged = false, capAdd, capDrop, securityOpt, ulimit, groupAdd } = options;
  return parseSecuritySettings({
    ...NO_SECURITY_WORDS,
    privileged,
    capAdd,
    capDrop,
    securityOpt: securityOpt.map(readProfile),
    ulimit,
    groupAdd,
    oomScoreAdj: Number(options.oomScoreAdj ?? 0),
  });
}

/** As `docker` does: a profile's file is read here, and its JSON passed on. */
function readProfile(option: string): string {
  const [, file] = /^seccomp[=:](.*)$/s.exec(option) ?? [];
  if (file === undefined || file === "unconfined" || file === "builtin") return option;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw invalid(`opening seccomp profile (${file}) failed`, error);
  }
  try {
    JSON.parse(text);
  } catch (error) {
    throw invalid(`compacting json for seccomp profile (${file}) failed`, error);
  }
  // Without spaces; not by way of JavaScript's numbers, which would lose digits of 64-bit ones.
  return `seccomp=${text.trim().replaceAll(/\s*\n\s*/g, "")}`;
}

function invalid(what: string, cause: unknown): TetherError {
  return TetherError.from(cause, "invalid-option", what);
}
