import { TetherError } from "../../protocol/errors/index.ts";
import type { SecuritySettings } from "./container-settings.ts";

/** The security options of `docker run`, each word as the user wrote it; but a seccomp profile is its JSON, no file. */
export interface SecurityWords {
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOpt: readonly string[];
  readonly ulimit: readonly string[];
  readonly oomScoreAdj: number;
  readonly groupAdd: readonly string[];
}

/** A container that says nothing about its security. */
export const NO_SECURITY_WORDS: SecurityWords = {
  ...{
    privileged: false,
    capAdd: [],
    capDrop: [],
    securityOpt: [],
    ulimit: [],
    oomScoreAdj: 0,
    groupAdd: [],
  },
};

/**
 * Turns Docker's words into a container's settings.
 *
 * @throws TetherError `invalid-option` with Docker's own text.
 */
export function parseSecurity(words: SecurityWords): SecuritySettings {
  return {
    privileged: words.privileged,
    capAdd: words.capAdd.map((name) => parseCapability("CapAdd", name)),
    capDrop: words.capDrop.map((name) => parseCapability("CapDrop", name)),
    ...parseSecurityOptions(words.securityOpt),
    ulimits: words.ulimit.map(parseUlimit),
    oomScoreAdj: checkOomScore(words.oomScoreAdj),
    groups: words.groupAdd.map(checkGroup),
  };
}

/** capabilities(7), Linux 6.1. */
const CAPABILITIES = new Set(
  "AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH \
FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE \
NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE \
SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM".split(" "),
);

function parseCapability(option: "CapAdd" | "CapDrop", text: string): string {
  const name = text.trim().toUpperCase();
  if (name === "ALL") return name;
  const short = name.startsWith("CAP_") ? name.slice(4) : name;
  if (!CAPABILITIES.has(short)) throw invalid(`invalid ${option}: unknown capability: "CAP_${short}"`);
  return `CAP_${short}`;
}

type SecurityFlags = Pick<SecuritySettings, "noNewPrivileges" | "seccompUnconfined" | "seccompProfile">;

/** `name=value`, or `name:value` as it was before; `no-new-privileges` stands alone as well. */
function parseSecurityOptions(options: readonly string[]): SecurityFlags {
  let flags: SecurityFlags = { noNewPrivileges: false, seccompUnconfined: false };
  for (const option of options) flags = { ...flags, ...parseSecurityOption(option) };
  return flags;
}

function parseSecurityOption(option: string): Partial<SecurityFlags> {
  if (option === "no-new-privileges") return { noNewPrivileges: true };
  const [, name, value] = /^([^=:]*)[=:](.*)$/s.exec(option) ?? [];
  if (name === undefined || value === undefined) throw invalid(`Invalid --security-opt: ${quote(option)}`);
  switch (name) {
    case "no-new-privileges":
      return { noNewPrivileges: parseBoolean(value, option) };
    case "seccomp":
      return parseSeccomp(value);
    case "label":
    case "apparmor":
      // `disable` and `unconfined` ask for what is so in any case: the VM's kernel runs neither module.
      if (value === "disable" || value === "unconfined") return {};
      throw invalid(`--security-opt ${option}: the container VM's kernel has no ${MODULES[name]}`);
    default:
      throw invalid(`invalid --security-opt 2: ${quote(option)}`);
  }
}

const MODULES = { label: "SELinux", apparmor: "AppArmor" } as const;

function parseSeccomp(value: string): Partial<SecurityFlags> {
  if (value === "unconfined") return { seccompUnconfined: true, seccompProfile: undefined };
  if (value === "builtin") return { seccompUnconfined: false, seccompProfile: undefined };
  return { seccompUnconfined: false, seccompProfile: value };
}

/** Go's strconv.ParseBool, which dockerd uses. */
function parseBoolean(text: string, option: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw invalid(`invalid --security-opt 2: ${quote(option)}`);
}

/** Docker's names (docker/go-units, ulimit.go). */
const LIMITS = new Set(
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
    " ",
  ),
);

/**
 * Reads `name=soft[:hard]`.
 *
 * @throws TetherError `invalid-option` with Docker's own text.
 */
export function parseUlimit(text: string): SecuritySettings["ulimits"][number] {
  const wrong = (reason: string): TetherError =>
    invalid(`invalid argument ${quote(text)} for "--ulimit" flag: ${reason}`);
  const equals = text.indexOf("=");
  if (equals < 0) throw wrong(`invalid ulimit argument: ${text}`);
  const name = text.slice(0, equals);
  const value = text.slice(equals + 1);
  if (!LIMITS.has(name)) throw wrong(`invalid ulimit type: ${name}`);
  const bounds = value.split(":");
  if (bounds.length > 2) {
    throw wrong(`too many limit value arguments - ${value}, can only have up to two, \`soft[:hard]\``);
  }
  const numbers = bounds.map((bound) => parseBound(bound, wrong));
  const soft = numbers[0] ?? 0;
  const hard = numbers[1] ?? soft;
  const order = "ulimit soft limit must be less than or equal to hard limit";
  if (hard !== -1 && soft === -1) throw wrong(`${order}: soft: -1 (unlimited), hard: ${hard}`);
  if (hard !== -1 && soft > hard) throw wrong(`${order}: ${soft} > ${hard}`);
  return { name, soft, hard };
}

function parseBound(text: string, wrong: (reason: string) => TetherError): number {
  const number = Number(text);
  if (!/^[+-]?\d+$/.test(text)) throw wrong(`strconv.ParseInt: parsing ${quote(text)}: invalid syntax`);
  // Above 2^53 the document's numbers are not exact, and no limit of the kernel is.
  if (!Number.isSafeInteger(number) || number < -1)
    throw wrong(`strconv.ParseInt: parsing ${quote(text)}: value out of range`);
  return number;
}

function checkOomScore(score: number): number {
  if (!Number.isInteger(score) || Math.abs(score) > 1000)
    throw invalid(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
  return score;
}

/** Docker's range; whether a name exists is known in the container only. */
function checkGroup(text: string): string {
  if (/^-?\d+$/.test(text) && (Number(text) < 0 || Number(text) > 0x7fff_ffff))
    throw invalid("uids and gids must be in range 0-2147483647");
  return text;
}

/**
 * Reads `--sysctl name=value`. The container VM has a kernel of its own, so that every parameter is allowed, where
 * Docker only takes those of a namespace.
 *
 * @throws TetherError `invalid-option` with Docker's own text.
 */
export function parseSysctls(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map(parseSysctl));
}

function parseSysctl(text: string): readonly [string, string] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  const isName = name !== undefined && /^\w[\w-]*([./][\w:@-]+)+$/.test(name);
  if (!isName || value === undefined || value.includes("\0")) {
    throw invalid(`invalid argument ${quote(text)} for "--sysctl" flag: sysctl '${text}' is not allowed`);
  }
  return [name, value];
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function invalid(message: string): TetherError {
  return new TetherError("invalid-option", message);
}
