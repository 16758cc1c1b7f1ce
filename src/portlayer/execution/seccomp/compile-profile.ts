import { TetherError } from "../../../protocol/errors/index.ts";
import { assembleCondition, CODES, type Condition, type Instruction, OFFSETS } from "./conditions.ts";
import { multiplexedRules } from "./multiplexed-calls.ts";
import { type Profile, type ProfileSurroundings, readProfile, type Rule } from "./read-profile.ts";
import { type Architecture, systemCalls } from "./system-calls.ts";

/** linux/audit.h. */
const AUDIT_ARCH_X86_64 = 0xc000_003e;
const AUDIT_ARCH_I386 = 0x4000_0003;

/** x86-64's calls with 32-bit pointers have this bit in their numbers (asm/unistd.h). */
const X32_BIT = 0x4000_0000;

/** libseccomp's answer to an architecture that the profile does not name. */
const KILL = 0;

/** BPF_MAXINSNS of the kernel. */
const MOST_INSTRUCTIONS = 4096;

const INSTRUCTION_BYTES = 8;

/**
 * Compiles a profile in Docker's JSON form to the filter that the kernel takes: an array of struct sock_filter. Each
 * call is found by binary search.
 *
 * As with libseccomp, a call that has a rule without conditions is judged by that alone, names that are no system
 * calls are passed over, and an architecture that is not named is killed. Of rules with conditions the first that
 * holds counts.
 *
 * @throws TetherError `invalid-option` that says what is wrong with it, and where.
 */
export function compileProfile(text: string, surroundings: ProfileSurroundings): Buffer {
  const program = assembleProfile(readProfile(text, surroundings));
  if (program.length > MOST_INSTRUCTIONS)
    throw new TetherError(
      "invalid-option",
      `the seccomp profile is too large: its filter has ${program.length} steps, and the kernel takes ${MOST_INSTRUCTIONS}`,
    );
  const bytes = Buffer.alloc(program.length * INSTRUCTION_BYTES);
  program.forEach(({ code, k, ifTrue = 0, ifFalse = 0 }, position) => {
    const offset = position * INSTRUCTION_BYTES;
    bytes.writeUInt16LE(code, offset);
    bytes.writeUInt8(Number(ifTrue), offset + 2);
    bytes.writeUInt8(Number(ifFalse), offset + 3);
    bytes.writeUInt32LE(k, offset + 4);
  });
  return bytes;
}

const end = (action: number): Instruction => ({ code: CODES.return, k: action });
const load = (k: number): Instruction => ({ code: CODES.load, k });
const jump = (k: number): Instruction => ({ code: CODES.jump, k });

function assembleProfile(profile: Profile): Instruction[] {
  const search = (architecture: Architecture): Instruction[] =>
    profile.architectures.includes(architecture)
      ? assembleSearch(judge(profile, architecture), profile.defaultAction)
      : [end(KILL)];
  const native = search("SCMP_ARCH_X86_64");
  const x32 = [{ code: CODES.and, k: X32_BIT - 1 }, ...search("SCMP_ARCH_X32")];
  const own: Instruction[] = [
    load(OFFSETS.number),
    // A call that a tracer has cancelled is none of x32's.
    { code: CODES.jumpIfEqual, k: 0xffff_ffff, ifTrue: 2, ifFalse: 0 },
    { code: CODES.jumpIfAnySet, k: X32_BIT, ifTrue: 0, ifFalse: 1 },
    jump(native.length),
    ...native,
    ...x32,
  ];
  return [
    load(OFFSETS.architecture),
    { code: CODES.jumpIfEqual, k: AUDIT_ARCH_X86_64, ifTrue: 1, ifFalse: 0 },
    jump(own.length),
    ...own,
    { code: CODES.jumpIfEqual, k: AUDIT_ARCH_I386, ifTrue: 1, ifFalse: 0 },
    end(KILL),
    load(OFFSETS.number),
    ...search("SCMP_ARCH_X86"),
  ];
}

/** What becomes of one call. */
interface Judgement {
  readonly conditional: Array<{ readonly conditions: readonly Condition[]; readonly action: number }>;
  always: number | undefined;
}

function judge({ rules }: Profile, architecture: Architecture): Map<number, Judgement> {
  const numbers = systemCalls(architecture);
  const judgements = new Map<number, Judgement>();
  const all: readonly Rule[] = architecture === "SCMP_ARCH_X86" ? rules.flatMap(multiplexedRules) : rules;
  for (const { names, action, alternatives } of all) {
    for (const name of names) {
      const number = numbers.get(name);
      if (number === undefined) continue;
      const judgement = judgements.get(number) ?? { conditional: [], always: undefined };
      judgements.set(number, judgement);
      for (const conditions of alternatives) {
        if (conditions.length === 0) judgement.always ??= action;
        else judgement.conditional.push({ conditions, action });
      }
    }
  }
  return judgements;
}

/** Calls from `first` up to the next range, with the same answer. */
interface Range {
  readonly first: number;
  readonly code: readonly Instruction[];
}

function assembleSearch(judgements: ReadonlyMap<number, Judgement>, defaultAction: number): Instruction[] {
  const ranges: Range[] = [];
  let last = "";
  const add = (first: number, code: readonly Instruction[]): void => {
    const text = JSON.stringify(code);
    if (text !== last) ranges.push({ first, code });
    last = text;
  };
  const newest = Math.max(-1, ...judgements.keys());
  for (let number = 0; number <= newest; number++) {
    const judgement = judgements.get(number);
    add(number, judgement === undefined ? [end(defaultAction)] : assembleJudgement(judgement, defaultAction));
  }
  add(newest + 1, [end(defaultAction)]);
  return searchIn(ranges);
}

function searchIn(ranges: readonly Range[]): Instruction[] {
  const [only, ...others] = ranges;
  if (only === undefined || others.length === 0) return [...(only?.code ?? [])];
  const middle = Math.floor(ranges.length / 2);
  const left = searchIn(ranges.slice(0, middle));
  const right = searchIn(ranges.slice(middle));
  const first = ranges[middle]?.first ?? 0;
  // A conditional jump reaches no further than 255.
  return [
    { code: CODES.jumpIfAtLeast, k: first, ifTrue: 0, ifFalse: 1 },
    jump(left.length),
    ...left,
    ...right,
  ];
}

function assembleJudgement({ conditional, always }: Judgement, defaultAction: number): Instruction[] {
  if (always !== undefined) return [end(always)];
  const rules = conditional.map(({ conditions, action }) =>
    resolve([...conditions.flatMap(assembleCondition), end(action)]),
  );
  return [...rules.flat(), end(defaultAction)];
}

/** A rule that fails is left behind its end. */
function resolve(code: readonly Instruction[]): Instruction[] {
  const target = (step: Instruction["ifTrue"], position: number): number =>
    step === "fail" ? code.length - position - 1 : (step ?? 0);
  return code.map((each, position) => ({
    ...each,
    ifTrue: target(each.ifTrue, position),
    ifFalse: target(each.ifFalse, position),
  }));
}
