import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { System } from "../system/system.ts";
import { CGROUP_ROOT, CONTAINER_CGROUP } from "./cgroups.ts";

/**
 * The character devices that a container may open, whatever CAP_MKNOD lets it make: Docker's list, less the
 * console (5:1), which here is the machine's. No block device is among them.
 */
const ALLOWED: ReadonlyArray<readonly [major: number, minor: number | "any"]> = [
  [1, 3], // null
  [1, 5], // zero
  [1, 7], // full
  [1, 8], // random
  [1, 9], // urandom
  [5, 0], // tty
  [5, 2], // ptmx
  [10, 200], // net/tun
  [136, "any"], // pts
];

/**
 * Keeps the container's processes from every other device, the machine's disks and the agent's ports above all.
 * Nodes can still be made of any, as in Docker. Stays for as long as the cgroup does.
 */
export function restrictDevices(system: System, root: string = CGROUP_ROOT): void {
  const cgroup = openSync(join(root, CONTAINER_CGROUP), "r");
  try {
    system.attachDeviceProgram(cgroup, deviceProgram());
  } finally {
    closeSync(cgroup);
  }
}

// The kernel's include/uapi/linux/bpf.h: what a program is made of, and struct bpf_cgroup_dev_ctx that it sees.
const LOAD_WORD = 0x61;
const AND = 0x57;
const SHIFT_RIGHT = 0x77;
const MOVE_REGISTER = 0xbf;
const MOVE = 0xb7;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_NOT_EQUAL = 0x55;
const EXIT = 0x95;
const ACCESS_TYPE_OFFSET = 0;
const MAJOR_OFFSET = 4;
const MINOR_OFFSET = 8;
const DEVICE_IS_CHARACTER = 2;
const ACCESS_IS_MKNOD = 1;

const [RESULT, CONTEXT, TYPE, ACCESS, MAJOR, MINOR] = [0, 1, 2, 3, 4, 5] as const;

interface Instruction {
  readonly code: number;
  readonly to?: number;
  readonly from?: number;
  readonly offset?: number;
  readonly value?: number;
}

/** The program in the kernel's form, 8 bytes for each instruction. */
export function deviceProgram(): Uint8Array {
  const allow: Instruction[] = [{ code: MOVE, to: RESULT, value: 1 }, { code: EXIT }];
  const refuse: Instruction[] = [{ code: MOVE, to: RESULT, value: 0 }, { code: EXIT }];
  return encode([
    { code: LOAD_WORD, to: TYPE, from: CONTEXT, offset: ACCESS_TYPE_OFFSET },
    { code: LOAD_WORD, to: MAJOR, from: CONTEXT, offset: MAJOR_OFFSET },
    { code: LOAD_WORD, to: MINOR, from: CONTEXT, offset: MINOR_OFFSET },
    { code: MOVE_REGISTER, to: ACCESS, from: TYPE },
    { code: AND, to: TYPE, value: 0xffff },
    { code: SHIFT_RIGHT, to: ACCESS, value: 16 },
    { code: JUMP_IF_NOT_EQUAL, to: ACCESS, value: ACCESS_IS_MKNOD, offset: allow.length },
    ...allow,
    { code: JUMP_IF_EQUAL, to: TYPE, value: DEVICE_IS_CHARACTER, offset: refuse.length },
    ...refuse,
    ...ALLOWED.flatMap(([major, minor]) => {
      const test: Instruction[] =
        minor === "any" ? [] : [{ code: JUMP_IF_NOT_EQUAL, to: MINOR, value: minor, offset: allow.length }];
      const rest = [...test, ...allow];
      return [{ code: JUMP_IF_NOT_EQUAL, to: MAJOR, value: major, offset: rest.length }, ...rest];
    }),
    ...refuse,
  ]);
}

/** struct bpf_insn. */
function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(instructions.length * 8);
  for (const [index, { code, to = 0, from = 0, offset = 0, value = 0 }] of instructions.entries()) {
    bytes.writeUInt8(code, index * 8);
    bytes.writeUInt8((from << 4) | to, index * 8 + 1);
    bytes.writeInt16LE(offset, index * 8 + 2);
    bytes.writeInt32LE(value, index * 8 + 4);
  }
  return bytes;
}
