import assert from "node:assert/strict";
import fc from "fast-check";
import { DEFAULT_SECURITY } from "../../../../src/portlayer/execution/container-settings.ts";
import {
  NO_SECURITY_WORDS,
  parseSecurity,
  parseSysctls,
  parseUlimit,
  type SecurityWords,
} from "../../../../src/portlayer/execution/security-options.ts";
import { TetherError } from "../../../../src/protocol/errors/index.ts";
import { tether } from "../../../../src/protocol/generated/config.js";
import { catalogueError } from "../../../support/catalogue-error.ts";

const parse = (words: Partial<SecurityWords>) => parseSecurity({ ...NO_SECURITY_WORDS, ...words });

/** Every text was read off the real thing, docker 20.10.24. */
const REFUSED: [Partial<SecurityWords>, string][] = [
  [{ capAdd: ["FOO"] }, 'invalid CapAdd: unknown capability: "CAP_FOO"'],
  [{ capDrop: ["foo"] }, 'invalid CapDrop: unknown capability: "CAP_FOO"'],
  [{ capAdd: [""] }, 'invalid CapAdd: unknown capability: "CAP_"'],
  [{ securityOpt: ["foo"] }, 'Invalid --security-opt: "foo"'],
  [{ securityOpt: ["foo=bar"] }, 'invalid --security-opt 2: "foo=bar"'],
  [{ securityOpt: ["no-new-privileges=maybe"] }, 'invalid --security-opt 2: "no-new-privileges=maybe"'],
  [{ oomScoreAdj: 1001 }, "Invalid value 1001, range for oom score adj is [-1000, 1000]"],
  [{ groupAdd: ["99999999999"] }, "uids and gids must be in range 0-2147483647"],
  [{ ulimit: ["foo=1"] }, 'invalid argument "foo=1" for "--ulimit" flag: invalid ulimit type: foo'],
  [{ ulimit: ["as=5"] }, 'invalid argument "as=5" for "--ulimit" flag: invalid ulimit type: as'],
  [{ ulimit: ["nofile"] }, 'invalid argument "nofile" for "--ulimit" flag: invalid ulimit argument: nofile'],
  [
    { ulimit: ["nofile=5:3"] },
    'invalid argument "nofile=5:3" for "--ulimit" flag: ulimit soft limit must be less than or equal to hard limit: 5 > 3',
  ],
  [
    { ulimit: ["nofile=-1:3"] },
    'invalid argument "nofile=-1:3" for "--ulimit" flag: ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: 3',
  ],
  [
    { ulimit: ["nofile=1:2:3"] },
    'invalid argument "nofile=1:2:3" for "--ulimit" flag: too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`',
  ],
  [
    { ulimit: ["nofile=a"] },
    'invalid argument "nofile=a" for "--ulimit" flag: strconv.ParseInt: parsing "a": invalid syntax',
  ],
];

describe("Docker's security options", () => {
  it("say nothing by default", () => {
    assert.deepEqual(parse({}), DEFAULT_SECURITY);
  });

  it("name capabilities in any case, with or without CAP_", () => {
    const { capAdd, capDrop } = parse({
      capAdd: ["net_admin", "CAP_SYS_TIME", "all"],
      capDrop: ["cap_mknod"],
    });
    assert.deepEqual([capAdd, capDrop], [["CAP_NET_ADMIN", "CAP_SYS_TIME", "ALL"], ["CAP_MKNOD"]]);
  });

  it("take --security-opt with = or :, and the last word counts", () => {
    const noNewPrivileges = (...securityOpt: string[]) => parse({ securityOpt }).noNewPrivileges;
    for (const text of ["no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"])
      assert.equal(noNewPrivileges(text), true, text);
    assert.equal(noNewPrivileges("no-new-privileges", "no-new-privileges=false"), false);
    assert.equal(parse({ securityOpt: ["seccomp=unconfined"] }).seccompUnconfined, true);
    assert.equal(parse({ securityOpt: ["seccomp:unconfined"] }).seccompUnconfined, true);
  });

  it("of security modules that the VM lacks are fine when they switch them off, and refused else", () => {
    parse({ securityOpt: ["label=disable", "label:disable", "apparmor=unconfined"] });
    for (const option of ["label=level:s0", "apparmor=docker-default"]) {
      assert.throws(
        () => parse({ securityOpt: [option] }),
        catalogueError("invalid-option", /the container VM's kernel has no (SELinux|AppArmor)$/),
      );
    }
  });

  it("take a seccomp profile; the last one counts", () => {
    const profile = (...securityOpt: string[]): unknown[] => {
      const { seccompProfile, seccompUnconfined } = parse({ securityOpt });
      return [seccompProfile, seccompUnconfined];
    };
    assert.deepEqual(profile("seccomp=unconfined", "seccomp={}"), ["{}", false]);
    assert.deepEqual(profile("seccomp={}", "seccomp=unconfined"), [undefined, true]);
    assert.deepEqual(profile("seccomp={}", "seccomp=builtin"), [undefined, false]);
  });

  it("set limits, the hard one like the soft one where it is left out", () => {
    assert.deepEqual(parseUlimit("nofile=5"), { name: "nofile", soft: 5, hard: 5 });
    assert.deepEqual(parseUlimit("core=0:-1"), { name: "core", soft: 0, hard: -1 });
    assert.deepEqual(parseUlimit("stack=-1"), { name: "stack", soft: -1, hard: -1 });
  });

  it("pass groups on, by name or number", () => {
    assert.deepEqual(parse({ groupAdd: ["audio", "0", "2147483647"] }).groups, ["audio", "0", "2147483647"]);
  });

  for (const [words, message] of REFUSED) {
    it(`are refused in Docker's words: ${JSON.stringify(words)}`, () => {
      assert.throws(
        () => parse(words),
        (error) =>
          error instanceof TetherError && error.code === "invalid-option" && error.message === message,
      );
    });
  }

  it("set kernel parameters of every kind, and refuse what is none", () => {
    assert.deepEqual(
      parseSysctls(["net.ipv4.ip_forward=1", "vm.swappiness=3", "kernel.sem=1 2 3 4", "net.a=b=c"]),
      {
        ...{ "net.ipv4.ip_forward": "1", "vm.swappiness": "3", "kernel.sem": "1 2 3 4", "net.a": "b=c" },
      },
    );
    for (const text of [
      "foo",
      "foo=bar",
      "kernel.shmmax",
      "=1",
      "net..x=1",
      "net/../x=1",
      "../x=1",
      "/etc/x=1",
      "net.=1",
    ]) {
      assert.throws(
        () => parseSysctls([text]),
        catalogueError("invalid-option", /for "--sysctl" flag: sysctl '.*' is not allowed$/),
        text,
      );
    }
  });

  it("are a document or an error of the catalogue, whatever they say", () => {
    const words = fc.array(fc.oneof(fc.string(), fc.stringMatching(/^[a-z-]+[=:][\d:]*$/)), { maxLength: 3 });
    const all = fc.record({
      capAdd: words,
      capDrop: words,
      securityOpt: words,
      ulimit: words,
      groupAdd: words,
    });
    fc.assert(
      fc.property(all, fc.integer(), (generated, oomScoreAdj) => {
        try {
          const { seccompProgram: _program, ...settings } = parse({ ...generated, oomScoreAdj });
          tether.config.Security.encode(settings).finish();
        } catch (error) {
          assert.ok(error instanceof TetherError && error.code === "invalid-option", String(error));
        }
      }),
    );
  });
});
