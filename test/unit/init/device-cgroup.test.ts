import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { restrictDevices } from "../../../src/init/device-cgroup.ts";
import { RecordingSystem } from "../../support/recording-system.ts";

const BLOCK = 1;
const CHARACTER = 2;
const MKNOD = 1;
const READ = 2;
const WRITE = 4;

/** The program that a cgroup is given. */
function attached(): Buffer {
  const root = mkdtempSync(join(tmpdir(), "tether-test-"));
  mkdirSync(join(root, "container"));
  const system = new RecordingSystem();
  restrictDevices(system, root);
  rmSync(root, { recursive: true });
  const [[, program] = []] = system.argumentsOf("attachDeviceProgram");
  assert.ok(program !== undefined && program.length > 0 && program.length % 8 === 0);
  return Buffer.from(program);
}

const program = attached();

/** Runs the program as the kernel does; its instructions are the few that it is made of. */
function decide(type: number, access: number, major: number, minor: number): number {
  const context: Readonly<Record<number, number>> = { 0: (access << 16) | type, 4: major, 8: minor };
  const registers = Array.from({ length: 11 }, () => 0);
  const register = (index: number): number => registers[index] ?? 0;
  for (let at = 0; ; at += 8) {
    const code = program.readUInt8(at);
    const to = program.readUInt8(at + 1) & 15;
    const from = program.readUInt8(at + 1) >> 4;
    const offset = program.readInt16LE(at + 2);
    const value = program.readInt32LE(at + 4);
    if (code === 0x61) registers[to] = context[offset] ?? assert.fail("outside the context");
    else if (code === 0xbf) registers[to] = register(from);
    else if (code === 0xb7) registers[to] = value;
    else if (code === 0x57) registers[to] = register(to) & value;
    else if (code === 0x77) registers[to] = register(to) >>> value;
    else if (code === 0x15) at += register(to) === value ? offset * 8 : 0;
    else if (code === 0x55) at += register(to) !== value ? offset * 8 : 0;
    else if (code === 0x95) return register(0);
    else assert.fail(`no such instruction: ${code}`);
  }
}

describe("the container's devices", () => {
  it("that it may open are Docker's", () => {
    for (const [major, minor] of [
      [1, 3],
      [1, 5],
      [1, 7],
      [1, 8],
      [1, 9],
      [5, 0],
      [5, 2],
      [10, 200],
      [136, 0],
      [136, 99],
    ] as const)
      assert.equal(decide(CHARACTER, READ | WRITE, major, minor), 1, `${major}:${minor}`);
  });

  it("that it may not open are all others: memory, the console, ports, and every disk", () => {
    for (const [major, minor] of [
      [1, 1],
      [1, 4],
      [1, 11],
      [5, 1],
      [4, 64],
      [10, 1],
      [10, 201],
      [250, 0],
      [137, 0],
    ] as const)
      for (const access of [READ, WRITE, READ | WRITE])
        assert.equal(decide(CHARACTER, access, major, minor), 0);
    for (const major of [1, 5, 8, 136, 254]) assert.equal(decide(BLOCK, READ, major, 3), 0);
  });

  it("may be made, whatever they are, but not opened by that", () => {
    assert.equal(decide(BLOCK, MKNOD, 254, 0), 1);
    assert.equal(decide(CHARACTER, MKNOD, 250, 1), 1);
    assert.equal(decide(BLOCK, MKNOD | READ, 254, 0), 0);
  });
});
