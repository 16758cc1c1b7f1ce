import { z } from "zod";
import { TetherError } from "../../../protocol/errors/index.ts";
import { type Condition, OPERATORS } from "./conditions.ts";
import type { Architecture } from "./system-calls.ts";

/** What a filter answers (linux/seccomp.h), by libseccomp's names; some with a number of the profile's. */
const ACTIONS = {
  SCMP_ACT_KILL: 0x0000_0000,
  SCMP_ACT_KILL_THREAD: 0x0000_0000,
  SCMP_ACT_KILL_PROCESS: 0x8000_0000,
  SCMP_ACT_TRAP: 0x0003_0000,
  SCMP_ACT_ERRNO: 0x0005_0000,
  SCMP_ACT_TRACE: 0x7ff0_0000,
  SCMP_ACT_LOG: 0x7ffc_0000,
  SCMP_ACT_ALLOW: 0x7fff_0000,
} as const;
const EPERM = 1;

/** A profile for one container: what it says of other architectures, capabilities and kernels is left out. */
export interface Profile {
  readonly defaultAction: number;
  readonly architectures: readonly Architecture[];
  readonly rules: readonly Rule[];
}

/** What becomes of some system calls when one of the alternatives holds; each is a list of conditions that all do. */
export interface Rule {
  readonly names: readonly string[];
  readonly action: number;
  readonly alternatives: ReadonlyArray<readonly Condition[]>;
}

/** What a profile's rules depend on. */
export interface ProfileSurroundings {
  /** Names with `CAP_`. */
  readonly capabilities: readonly string[];
  /** As uname(1) has it: `6.1.0-56-cloud-amd64`. */
  readonly kernelVersion: string;
}

const strings = z.array(z.string()).nullish();
const number = z.bigint().min(0n).max(0xffff_ffff_ffff_ffffn);
const errno = z.bigint().min(0n).max(4095n).nullish();
const action = z.enum(Object.keys(ACTIONS) as [keyof typeof ACTIONS]);
const version = z.string().regex(/^\d+\.\d+$/, "invalid kernel version");
const filter = z
  .object({ caps: strings, arches: strings, minKernel: version.or(z.literal("")).nullish() })
  .nullish();

const ruleSchema = z.object({
  name: z.string().nullish(),
  names: strings,
  action,
  errnoRet: errno,
  args: z
    .array(
      z.object({
        index: z.bigint().min(0n).max(5n),
        value: number.nullish(),
        valueTwo: number.nullish(),
        op: z.enum(OPERATORS),
      }),
    )
    .nullish(),
  includes: filter,
  excludes: filter,
});

const profileSchema = z.object({
  defaultAction: action,
  defaultErrnoRet: errno,
  architectures: strings,
  archMap: z.array(z.object({ architecture: z.string(), subArchitectures: strings })).nullish(),
  syscalls: z.array(ruleSchema).nullish(),
});

type RuleDocument = z.infer<typeof ruleSchema>;

/**
 * Reads a profile in Docker's JSON form.
 *
 * @throws TetherError `invalid-option` that says what is wrong with it, and where.
 */
export function readProfile(text: string, surroundings: ProfileSurroundings): Profile {
  const document = parse(text);
  return {
    defaultAction: answer(document.defaultAction, document.defaultErrnoRet),
    architectures: chooseArchitectures(document),
    rules: (document.syscalls ?? []).filter((rule) => applies(rule, surroundings)).map(toRule),
  };
}

function parse(text: string): z.infer<typeof profileSchema> {
  let value: unknown;
  try {
    // 64-bit numbers, which are not exact as JavaScript's.
    value = JSON.parse(text, (_key, parsed: unknown, context?: { source?: string }) =>
      typeof parsed === "number" && /^-?\d+$/.test(context?.source ?? "")
        ? BigInt(context?.source ?? 0)
        : parsed,
    );
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
  const parsed = profileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(`${issue?.path.join(".") || "the profile"}: ${issue?.message ?? "invalid"}`);
}

function answer(name: keyof typeof ACTIONS, value: bigint | null | undefined): number {
  if (name === "SCMP_ACT_ERRNO" || name === "SCMP_ACT_TRACE") return ACTIONS[name] + Number(value ?? EPERM);
  return ACTIONS[name];
}

function chooseArchitectures({
  architectures,
  archMap,
}: z.infer<typeof profileSchema>): readonly Architecture[] {
  if ((architectures ?? []).length > 0 && (archMap ?? []).length > 0)
    throw contradictory(
      "'architectures' and 'archMap' were specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  const mapped = archMap?.find(({ architecture }) => architecture === "SCMP_ARCH_X86_64");
  const named = mapped === undefined ? (architectures ?? []) : (mapped.subArchitectures ?? []);
  // The machine's own is always there; what a 64-bit kernel of x86 has not, can only be asked for.
  const others = (["SCMP_ARCH_X86", "SCMP_ARCH_X32"] as const).filter((each) => named.includes(each));
  return ["SCMP_ARCH_X86_64", ...others];
}

/** As dockerd has it (profiles/seccomp/seccomp_linux.go, setupSeccomp). */
function applies({ includes, excludes }: RuleDocument, surroundings: ProfileSurroundings): boolean {
  const { capabilities, kernelVersion } = surroundings;
  const has = (name: string): boolean => capabilities.includes(name);
  const isNew = (least: string): boolean => compareVersions(kernelVersion, least) >= 0;
  const isLeftOut =
    excludes?.arches?.includes("amd64") === true ||
    excludes?.caps?.some(has) === true ||
    (Boolean(excludes?.minKernel) && isNew(excludes?.minKernel ?? ""));
  if (isLeftOut) return false;
  if ((includes?.arches ?? []).length > 0 && includes?.arches?.includes("amd64") !== true) return false;
  return (includes?.caps ?? []).every(has) && (!includes?.minKernel || isNew(includes.minKernel));
}

/** By their first two numbers, as Docker does. */
function compareVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split(/[.-]/).map(Number);
  const [bMajor = 0, bMinor = 0] = b.split(/[.-]/).map(Number);
  return aMajor - bMajor || aMinor - bMinor;
}

function toRule({ name, names, args, errnoRet, ...rule }: RuleDocument): Rule {
  if (name && (names ?? []).length > 0)
    throw contradictory(
      "'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'",
    );
  const conditions = (args ?? []).map(
    ({ index, op, value, valueTwo }): Condition => ({
      index: Number(index),
      operator: op,
      value: value ?? 0n,
      valueTwo: valueTwo ?? 0n,
    }),
  );
  return {
    names: name ? [name] : (names ?? []),
    action: answer(rule.action, errnoRet),
    alternatives: toAlternatives(conditions),
  };
}

/** All of them have to hold; but runc takes several on the same argument one by one. */
function toAlternatives(conditions: readonly Condition[]): ReadonlyArray<readonly Condition[]> {
  const indices = new Set(conditions.map(({ index }) => index));
  return indices.size < conditions.length ? conditions.map((each) => [each]) : [conditions];
}

function invalid(reason: string): TetherError {
  return new TetherError("invalid-option", `Decoding seccomp profile failed: ${reason}`);
}

/** Docker's words. */
function contradictory(message: string): TetherError {
  return new TetherError("invalid-option", message);
}
