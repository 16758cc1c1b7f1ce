import assert from "node:assert/strict";
import fc from "fast-check";
import { tether } from "../../../../src/protocol/generated/config.js";
import { DEFAULT_PROCESS_SECURITY } from "../../../../src/session/index.ts";
import { decodeSecurity } from "../../../../src/tether/configuration/decode-security.ts";
import { problemsOf } from "../../../../src/protocol/configuration/problems-of.ts";

const { Config } = tether.config;
type Document = Parameters<typeof Config.encode>[0];
const check = (document: Document) => decodeSecurity(Config.decode(Config.encode(document).finish()));
const problemsIn = async (document: Document): Promise<string[]> => {
  const found = await problemsOf(Config.decode(Config.encode({ version: 1, ...document }).finish()));
  return found.map(({ path, reason }) => `${path} ${reason}`).filter((each) => each.startsWith("security"));
};

describe("the security of a configuration", () => {
  it("is Docker's default where nothing is said", () => {
    assert.deepEqual(check({}), {
      ...{ privileged: false, process: DEFAULT_PROCESS_SECURITY, additionalGroups: [] },
      ...{ sysctls: new Map(), readOnlyRoot: false },
    });
  });

  it("is what the document says", () => {
    const { process, ...rest } = check({
      security: {
        ...{ capAdd: ["CAP_NET_ADMIN"], capDrop: ["ALL"], noNewPrivileges: true, seccompUnconfined: true },
        ...{ ulimits: [{ name: "nofile", soft: 5, hard: -1 }], oomScoreAdj: -1000, groups: ["audio", "7"] },
      },
      sysctls: { "net.core.somaxconn": "10" },
      readOnlyRoot: true,
    });
    assert.deepEqual(process.capabilities, ["CAP_NET_ADMIN"]);
    assert.deepEqual(
      [process.seccomp, process.noNewPrivileges, process.oomScoreAdjustment],
      [false, true, -1000],
    );
    assert.ok(process.resourceLimits.includes("nofile:5:unlimited"));
    assert.deepEqual(rest, {
      ...{ privileged: false, additionalGroups: ["audio", "7"] },
      ...{ sysctls: new Map([["net.core.somaxconn", "10"]]), readOnlyRoot: true },
    });
    assert.equal(check({ security: { privileged: true } }).process.capabilities, "ALL");
  });

  it("is refused with the field's name where it is wrong", async () => {
    const wrong: [NonNullable<Document["security"]>, string][] = [
      [{ capAdd: ["CAP_KILL", "CAP_FLY"] }, 'security.cap_add[1] "CAP_FLY" is no capability'],
      [{ capDrop: ["mknod"] }, 'security.cap_drop[0] "mknod" is no capability'],
      [
        { ulimits: [{ name: "files", soft: 1, hard: 1 }] },
        'security.ulimits[0].name "files" is no resource limit',
      ],
      [{ ulimits: [{ name: "cpu", soft: -2, hard: 1 }] }, "security.ulimits[0].soft is below -1"],
      [{ oomScoreAdj: 1001 }, "security.oom_score_adj 1001 is not between -1000 and 1000"],
      [{ groups: [""] }, "security.groups[0] is empty"],
      [{ seccompProgram: Buffer.alloc(9) }, "security.seccomp_program is no filter: 9 bytes"],
    ];
    for (const [security, message] of wrong) assert.deepEqual(await problemsIn({ security }), [message]);
  });

  it("that is in order is what the launcher takes, whatever the document says", async () => {
    const text = fc.oneof(fc.string(), fc.constantFrom("ALL", "CAP_KILL", "nofile"));
    const security = fc.record({
      ...{ capAdd: fc.array(text), capDrop: fc.array(text), oomScoreAdj: fc.integer() },
      ulimits: fc.array(fc.record({ name: text, soft: fc.integer(), hard: fc.integer() })),
    });
    await fc.assert(
      fc.asyncProperty(security, async (generated) => {
        if ((await problemsIn({ security: generated })).length > 0) return;
        const { process } = check({ security: generated });
        assert.ok(
          process.resourceLimits.every((limit) => /^[a-z]+:(\d+|unlimited):(\d+|unlimited)$/.test(limit)),
        );
      }),
    );
  });
});
