import assert from "node:assert/strict";
import fc from "fast-check";
import { TetherError } from "../../../../src/protocol/errors/index.ts";
import { tether } from "../../../../src/protocol/generated/config.js";
import { DEFAULT_PROCESS_SECURITY } from "../../../../src/session/index.ts";
import { checkSecurity } from "../../../../src/tether/configuration/decode-security.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";

const { Config } = tether.config;
type Document = Parameters<typeof Config.encode>[0];
const check = (document: Document) => checkSecurity(Config.decode(Config.encode(document).finish()));

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

  it("is refused with the field's name where it is wrong", () => {
    const wrong: [NonNullable<Document["security"]>, RegExp][] = [
      [{ capAdd: ["CAP_FLY"] }, /security\.cap_add "CAP_FLY" is no capability$/],
      [{ capDrop: ["mknod"] }, /security\.cap_drop "mknod" is no capability$/],
      [{ ulimits: [{ name: "files", soft: 1, hard: 1 }] }, /security\.ulimits "files" is no resource limit$/],
      [{ ulimits: [{ name: "cpu", soft: -2, hard: 1 }] }, /security\.ulimits cpu is below -1$/],
      [{ oomScoreAdj: 1001 }, /security\.oom_score_adj 1001 is not between/],
    ];
    for (const [security, message] of wrong)
      assert.throws(() => check({ security }), catalogueError("guest-initialisation", message));
  });

  it("is something or an error of the catalogue, whatever the document says", () => {
    const text = fc.oneof(fc.string(), fc.constantFrom("ALL", "CAP_KILL", "nofile"));
    const security = fc.record({
      ...{ capAdd: fc.array(text), capDrop: fc.array(text), oomScoreAdj: fc.integer() },
      ulimits: fc.array(fc.record({ name: text, soft: fc.integer(), hard: fc.integer() })),
    });
    fc.assert(
      fc.property(security, fc.dictionary(text, text), (generated, sysctls) => {
        try {
          const { process } = check({ security: generated, sysctls });
          assert.ok(
            process.resourceLimits.every((limit) => /^[a-z]+:(\d+|unlimited):(\d+|unlimited)$/.test(limit)),
          );
        } catch (error) {
          assert.ok(error instanceof TetherError && error.code === "guest-initialisation", String(error));
        }
      }),
    );
  });
});
