import assert from "node:assert/strict";
import fc from "fast-check";
import { ALL_CAPABILITIES } from "../../../src/protocol/capabilities.ts";
import {
  DEFAULT_PROCESS_SECURITY,
  makePrivileged,
  makeProcessSecurity,
  type SecurityOptions,
} from "../../../src/session/index.ts";

const NOTHING: SecurityOptions = {
  privileged: false,
  capabilitiesAdded: [],
  capabilitiesDropped: [],
  noNewPrivileges: false,
  seccompUnconfined: false,
  resourceLimits: [],
  oomScoreAdjustment: 0,
};

const make = (changes: Partial<SecurityOptions>) => makeProcessSecurity({ ...NOTHING, ...changes });
const capabilities = (capabilitiesAdded: string[], capabilitiesDropped: string[]): string[] => {
  const made = make({ capabilitiesAdded, capabilitiesDropped }).capabilities;
  assert.ok(made !== "ALL");
  return [...made].toSorted();
};
const DEFAULT = capabilities([], []);

describe("what a container's processes may do", () => {
  it("is Docker's default, filtered, with dockerd's limits, where nothing is said", () => {
    assert.equal(DEFAULT.length, 14);
    assert.deepEqual(DEFAULT_PROCESS_SECURITY, {
      capabilities: DEFAULT_PROCESS_SECURITY.capabilities,
      seccomp: true,
      noNewPrivileges: false,
      resourceLimits: ["nofile:1048576:1048576", "nproc:unlimited:unlimited", "core:unlimited:unlimited"],
      oomScoreAdjustment: 0,
    });
  });

  it("is more with an added capability and less with a dropped one; what is both is there", () => {
    assert.deepEqual(capabilities(["CAP_NET_ADMIN"], []), [...DEFAULT, "CAP_NET_ADMIN"].toSorted());
    assert.deepEqual(
      capabilities([], ["CAP_MKNOD", "CAP_SYS_ADMIN"]),
      DEFAULT.filter((name) => name !== "CAP_MKNOD"),
    );
    assert.deepEqual(capabilities(["CAP_MKNOD"], ["CAP_MKNOD"]), DEFAULT);
    assert.deepEqual(capabilities(["CAP_CHOWN"], []), DEFAULT);
  });

  it("is nothing but what is added when ALL is dropped, and all but what is dropped when ALL is added", () => {
    assert.deepEqual(capabilities([], ["ALL"]), []);
    assert.deepEqual(capabilities(["CAP_KILL", "CAP_CHOWN"], ["ALL", "CAP_KILL"]), ["CAP_CHOWN", "CAP_KILL"]);
    assert.deepEqual(capabilities(["ALL"], []), ALL_CAPABILITIES.toSorted());
    assert.deepEqual(
      capabilities(["ALL"], ["CAP_MKNOD", "ALL"]),
      ALL_CAPABILITIES.filter((name) => name !== "CAP_MKNOD").toSorted(),
    );
  });

  it("never is a capability twice", () => {
    const names = fc.array(fc.constantFrom("ALL", ...ALL_CAPABILITIES));
    fc.assert(
      fc.property(names, names, (added, dropped) => {
        const made = capabilities(added, dropped);
        assert.equal(new Set(made).size, made.length);
        assert.ok(made.every((name) => ALL_CAPABILITIES.includes(name)));
      }),
    );
  });

  it("is everything, without a filter, when it is privileged, whatever is dropped", () => {
    const { capabilities: all, seccomp } = make({ privileged: true, capabilitiesDropped: ["ALL"] });
    assert.deepEqual([all, seccomp], ["ALL", false]);
  });

  it("keeps its capabilities unfiltered with seccomp=unconfined", () => {
    const made = make({ seccompUnconfined: true });
    assert.deepEqual([made.seccomp, made.capabilities], [false, DEFAULT_PROCESS_SECURITY.capabilities]);
  });

  it("has its own limits in place of the default ones or beside them, the last one of each name", () => {
    const { resourceLimits } = make({
      resourceLimits: [
        { name: "nofile", soft: 5, hard: 6 },
        { name: "stack", soft: 1024, hard: -1 },
        { name: "nofile", soft: 10, hard: 20 },
      ],
    });
    assert.deepEqual(resourceLimits, [
      "nofile:10:20",
      "nproc:unlimited:unlimited",
      "core:unlimited:unlimited",
      "stack:1024:unlimited",
    ]);
  });

  it("is all for one exec that is privileged, whose limits stay the container's", () => {
    const container = make({ resourceLimits: [{ name: "cpu", soft: 1, hard: 1 }], noNewPrivileges: true });
    assert.deepEqual(makePrivileged(container), { ...container, capabilities: "ALL", seccomp: false });
  });
});
