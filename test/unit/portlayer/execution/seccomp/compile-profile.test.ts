import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { compileProfile } from "../../../../../src/portlayer/execution/seccomp/compile-profile.ts";
import { OPERATORS } from "../../../../../src/portlayer/execution/seccomp/conditions.ts";
import { systemCalls } from "../../../../../src/portlayer/execution/seccomp/system-calls.ts";
import { catalogueError } from "../../../../support/catalogue-error.ts";
import { runFilter } from "../../../../support/bpf.ts";

const SURROUNDINGS = { capabilities: ["CAP_CHOWN"], kernelVersion: "6.1.0-56-cloud-amd64" };
const ALLOW = 0x7fff_0000;
const ERRNO = 0x0005_0000;
const KILL = 0;
const X86_64 = 0xc000_003e;
const I386 = 0x4000_0003;
const X32_BIT = 0x4000_0000;

const compile = (profile: unknown): Buffer =>
  compileProfile(typeof profile === "string" ? profile : JSON.stringify(profile), SURROUNDINGS);
/** What becomes of a call. */
const judge = (profile: unknown, name: string, ...args: (bigint | number)[]): number =>
  runFilter(compile(profile), {
    architecture: X86_64,
    number: systemCalls("SCMP_ARCH_X86_64").get(name) ?? -1,
    args: args.map(BigInt),
  });
const allowing = (...syscalls: object[]): object => ({ defaultAction: "SCMP_ACT_ERRNO", syscalls });
const rule = (names: string[], more: object = {}): object => ({ names, action: "SCMP_ACT_ALLOW", ...more });

describe("a seccomp profile", () => {
  it("has the numbers of the kernel's headers", () => {
    for (const [architecture, header] of [
      ["SCMP_ARCH_X86_64", "unistd_64.h"],
      ["SCMP_ARCH_X86", "unistd_32.h"],
      ["SCMP_ARCH_X32", "unistd_x32.h"],
    ] as const) {
      const text = readFileSync(`/usr/include/x86_64-linux-gnu/asm/${header}`, "utf8");
      const lines = text.matchAll(/^#define __NR_(\w+) (?:\(__X32_SYSCALL_BIT \+ )?(\d+)\)?$/gm);
      const ours = systemCalls(architecture);
      const newest = Math.max(...ours.values());
      const theirs = new Map([...lines].map(([, name = "", number]) => [name, Number(number)]));
      for (const [name, number] of theirs) if (number > newest) theirs.delete(name);
      assert.deepEqual(ours, theirs);
    }
  });

  it("names calls, by one name or several; what it does not name gets the default", () => {
    const profile = allowing(rule(["read", "write", "no_such_call"]), {
      name: "getpid",
      action: "SCMP_ACT_LOG",
    });
    assert.equal(judge(profile, "read"), ALLOW);
    assert.equal(judge(profile, "getpid"), 0x7ffc_0000);
    assert.equal(judge(profile, "mount"), ERRNO + 1);
    assert.equal(judge({ defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38 }, "mount"), ERRNO + 38);
    assert.equal(judge({ defaultAction: "SCMP_ACT_ALLOW" }, "mount"), ALLOW);
    assert.equal(
      judge(allowing({ names: ["mount"], action: "SCMP_ACT_ERRNO", errnoRet: 7 }), "mount"),
      ERRNO + 7,
    );
    for (const [action, answer] of [
      ["SCMP_ACT_KILL_PROCESS", 0x8000_0000],
      ["SCMP_ACT_KILL", 0],
      ["SCMP_ACT_TRAP", 0x0003_0000],
      ["SCMP_ACT_TRACE", 0x7ff0_0001],
    ] as const)
      assert.equal(judge(allowing({ names: ["read"], action }), "read"), answer);
  });

  it("compares arguments of 64 bits as numbers do", () => {
    const edges = fc.constantFrom(
      0n,
      1n,
      0xffff_ffffn,
      0x1_0000_0000n,
      0xffff_ffff_ffff_ffffn,
      0x8000_0000_0000_0000n,
    );
    const value = fc.oneof(
      fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
      edges,
      fc.bigInt({ min: 0n, max: 9n }),
    );
    const holds: Record<(typeof OPERATORS)[number], (argument: bigint, a: bigint, b: bigint) => boolean> = {
      SCMP_CMP_NE: (argument, a) => argument !== a,
      SCMP_CMP_LT: (argument, a) => argument < a,
      SCMP_CMP_LE: (argument, a) => argument <= a,
      SCMP_CMP_EQ: (argument, a) => argument === a,
      SCMP_CMP_GE: (argument, a) => argument >= a,
      SCMP_CMP_GT: (argument, a) => argument > a,
      SCMP_CMP_MASKED_EQ: (argument, a, b) => (argument & a) === (b & a),
    };
    const condition = fc.record({ op: fc.constantFrom(...OPERATORS), value, valueTwo: value });
    fc.assert(
      fc.property(
        fc.array(condition, { minLength: 1, maxLength: 6 }),
        fc.array(value, { minLength: 6, maxLength: 6 }),
        (conditions, args) => {
          const written = conditions.map(
            ({ op, value: a, valueTwo: b }, index) =>
              `{"index":${index},"op":"${op}","value":${a},"valueTwo":${b}}`,
          );
          const profile = `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[${written.join(",")}]}]}`;
          const all = conditions.every(({ op, value: a, valueTwo: b }, index) =>
            holds[op](args[index] ?? 0n, a, b),
          );
          assert.equal(judge(profile, "read", ...args), all ? ALLOW : ERRNO + 1);
        },
      ),
    );
  });

  it("has alternatives: several rules, or several conditions on one argument; a rule without any is above them", () => {
    const equals = (value: number): object => ({ index: 0, value, op: "SCMP_CMP_EQ" });
    const several = allowing(
      rule(["personality"], { args: [equals(0), equals(8)] }),
      rule(["personality"], { args: [equals(99)] }),
    );
    assert.deepEqual(
      [0, 8, 99, 5].map((value) => judge(several, "personality", value)),
      [ALLOW, ALLOW, ALLOW, ERRNO + 1],
    );
    const always = allowing(
      rule(["personality"], { args: [equals(0)], action: "SCMP_ACT_LOG" }),
      rule(["personality"]),
    );
    assert.equal(judge(always, "personality", 0), ALLOW);
  });

  it("depends on capabilities, architecture and kernel", () => {
    const table: ReadonlyArray<readonly [object, boolean]> = [
      [{ includes: { caps: ["CAP_CHOWN"] } }, true],
      [{ includes: { caps: ["CAP_CHOWN", "CAP_SYS_ADMIN"] } }, false],
      [{ excludes: { caps: ["CAP_SYS_ADMIN"] } }, true],
      [{ excludes: { caps: ["CAP_SYS_ADMIN", "CAP_CHOWN"] } }, false],
      [{ includes: { arches: ["amd64", "x32"] } }, true],
      [{ includes: { arches: ["s390x"] } }, false],
      [{ excludes: { arches: ["amd64"] } }, false],
      [{ includes: { minKernel: "4.8" } }, true],
      [{ includes: { minKernel: "6.2" } }, false],
      [{ includes: { minKernel: "6.1" } }, true],
      [{ excludes: { minKernel: "6.1" } }, false],
      [{ includes: {}, excludes: {} }, true],
    ];
    for (const [more, isAllowed] of table)
      assert.equal(
        judge(allowing(rule(["read"], more)), "read"),
        isAllowed ? ALLOW : ERRNO + 1,
        JSON.stringify(more),
      );
  });

  it("is for 32-bit calls and x32's when it says so; others are killed", () => {
    const on = (profile: object, architecture: number, number: number, ...args: number[]): number =>
      runFilter(compile({ ...allowing(rule(["read", "socket"])), ...profile }), {
        architecture,
        number,
        args: args.map(BigInt),
      });
    const all = {
      archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] }],
    };
    assert.deepEqual([on({}, I386, 3), on({}, X86_64, X32_BIT), on({}, 5, 0)], [KILL, KILL, KILL]);
    assert.deepEqual(
      [on(all, I386, 3), on(all, I386, 0), on(all, X86_64, X32_BIT), on(all, 5, 0)],
      [ALLOW, ERRNO + 1, ALLOW, KILL],
    );
    assert.equal(on({ architectures: ["SCMP_ARCH_X86"] }, I386, 3), ALLOW);
    // socket(2) by way of socketcall(2), and listen(2), which is not allowed.
    assert.deepEqual([on(all, I386, 102, 1), on(all, I386, 102, 4)], [ALLOW, ERRNO + 1]);
    // What a tracer has cancelled.
    assert.equal(on({}, X86_64, 0xffff_ffff), ERRNO + 1);
  });

  it("that is none is refused with what is wrong, and where", () => {
    const table: ReadonlyArray<readonly [unknown, RegExp]> = [
      ["{", /JSON/],
      ["[]", /the profile: /],
      [{}, /defaultAction/],
      [{ defaultAction: "SCMP_ACT_SHRUG" }, /defaultAction/],
      [{ defaultAction: "SCMP_ACT_NOTIFY" }, /defaultAction/],
      [allowing(rule(["read"], { action: "x" })), /syscalls\.0\.action/],
      [allowing(rule(["read"], { args: [{ index: 6, op: "SCMP_CMP_EQ" }] })), /syscalls\.0\.args\.0\.index/],
      [allowing(rule(["read"], { args: [{ index: 0, op: "=" }] })), /syscalls\.0\.args\.0\.op/],
      [allowing(rule(["read"], { name: "write" })), /'name' and 'names' were specified/],
      [allowing(rule(["read"], { includes: { minKernel: "new" } })), /minKernel/],
      [
        { ...allowing(), architectures: ["x"], archMap: [{ architecture: "y" }] },
        /'architectures' and 'archMap' were specified/,
      ],
      [
        allowing(
          ...Array.from({ length: 400 }, (_, value) =>
            rule(["read"], { args: [0, 1, 2].map((index) => ({ index, value, op: "SCMP_CMP_GE" })) }),
          ),
        ),
        /too large/,
      ],
    ];
    for (const [profile, message] of table)
      assert.throws(
        () => compile(profile),
        catalogueError("invalid-option", message),
        JSON.stringify(profile).slice(0, 200),
      );
    fc.assert(
      fc.property(fc.json(), (text) => {
        try {
          compile(text);
        } catch (error) {
          catalogueError("invalid-option", /./)(error);
        }
      }),
    );
  });
});
