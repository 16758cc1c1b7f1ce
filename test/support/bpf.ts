import assert from "node:assert/strict";

/** A system call, as struct seccomp_data has it. */
export interface SystemCall {
  readonly architecture: number;
  readonly number: number;
  readonly args: readonly bigint[];
}

/** Runs a seccomp filter (an array of struct sock_filter), as the kernel does. @returns its answer. */
export function runFilter(program: Buffer, { architecture, number, args }: SystemCall): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(architecture, 4);
  args.forEach((argument, index) => data.writeBigUInt64LE(argument, 16 + 8 * index));
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 8) {
    const code = program.readUInt16LE(at);
    const [ifTrue, ifFalse] = [program.readUInt8(at + 2), program.readUInt8(at + 3)];
    const k = program.readUInt32LE(at + 4);
    const branch = (holds: boolean): void => void (at += 8 * (holds ? ifTrue : ifFalse));
    if (code === 0x20) accumulator = data.readUInt32LE(k);
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (code === 0x05) at += 8 * k;
    else if (code === 0x15) branch(accumulator === k);
    else if (code === 0x25) branch(accumulator > k);
    else if (code === 0x35) branch(accumulator >= k);
    else if (code === 0x45) branch((accumulator & k) !== 0);
    else if (code === 0x06) return k;
    else assert.fail(`no instruction of seccomp: ${code}`);
  }
  return assert.fail("the filter has no end");
}
