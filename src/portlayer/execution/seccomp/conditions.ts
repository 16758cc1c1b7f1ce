/** A condition on one argument of a system call, in libseccomp's words; 64-bit, without a sign. */
export interface Condition {
  readonly index: number;
  readonly operator: (typeof OPERATORS)[number];
  readonly value: bigint;
  /** For SCMP_CMP_MASKED_EQ, whose mask is `value`. */
  readonly valueTwo: bigint;
}

export const OPERATORS = [
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
] as const;

/** One instruction of classic BPF (linux/filter.h). */
export interface Instruction {
  readonly code: number;
  readonly k: number;
  /** How many instructions are skipped; `fail`: all that are left of the rule. */
  readonly ifTrue?: number | "fail";
  readonly ifFalse?: number | "fail";
}

/** linux/bpf_common.h: the class, the size or operation, and where the operand is. */
export const CODES = {
  load: 0x20,
  and: 0x54,
  jump: 0x05,
  jumpIfEqual: 0x15,
  jumpIfGreater: 0x25,
  jumpIfAtLeast: 0x35,
  jumpIfAnySet: 0x45,
  return: 0x06,
} as const;

/** struct seccomp_data: the number, the architecture, the instruction pointer, six arguments. */
export const OFFSETS = { number: 0, architecture: 4, arguments: 16 } as const;
const ARGUMENT_BYTES = 8;

const LOW = 0xffff_ffffn;

/** What goes on behind itself when the condition holds, and fails otherwise. BPF compares 32 bits at a time. */
export function assembleCondition({ index, operator, value, valueTwo }: Condition): Instruction[] {
  const offset = OFFSETS.arguments + index * ARGUMENT_BYTES;
  const loadHigh: Instruction = { code: CODES.load, k: offset + 4 };
  const loadLow: Instruction = { code: CODES.load, k: offset };
  const high = Number(value >> 32n);
  const low = Number(value & LOW);
  const { jumpIfEqual, jumpIfGreater, jumpIfAtLeast } = CODES;
  const test = (
    code: number,
    k: number,
    ifTrue: Instruction["ifTrue"],
    ifFalse: Instruction["ifFalse"],
  ): Instruction => ({ code, k, ifTrue: ifTrue ?? 0, ifFalse: ifFalse ?? 0 });
  // Behind the high half: it decides, or is equal.
  const above = (lowTest: Instruction): Instruction[] => [
    ...[loadHigh, test(jumpIfGreater, high, 3, 0), test(jumpIfEqual, high, 0, "fail")],
    ...[loadLow, lowTest],
  ];
  const below = (lowTest: Instruction): Instruction[] => [
    ...[loadHigh, test(jumpIfGreater, high, "fail", 0), test(jumpIfEqual, high, 0, 2)],
    ...[loadLow, lowTest],
  ];
  switch (operator) {
    case "SCMP_CMP_EQ":
      return [
        ...[loadHigh, test(jumpIfEqual, high, 0, "fail")],
        ...[loadLow, test(jumpIfEqual, low, 0, "fail")],
      ];
    case "SCMP_CMP_NE":
      return [loadHigh, test(jumpIfEqual, high, 0, 2), loadLow, test(jumpIfEqual, low, "fail", 0)];
    case "SCMP_CMP_GE":
      return above(test(jumpIfAtLeast, low, 0, "fail"));
    case "SCMP_CMP_GT":
      return above(test(jumpIfGreater, low, 0, "fail"));
    case "SCMP_CMP_LT":
      return below(test(jumpIfAtLeast, low, "fail", 0));
    case "SCMP_CMP_LE":
      return below(test(jumpIfGreater, low, "fail", 0));
    default: {
      const wanted = valueTwo & value;
      return [
        ...[loadHigh, { code: CODES.and, k: high }, test(jumpIfEqual, Number(wanted >> 32n), 0, "fail")],
        ...[loadLow, { code: CODES.and, k: low }, test(jumpIfEqual, Number(wanted & LOW), 0, "fail")],
      ];
    }
  }
}
