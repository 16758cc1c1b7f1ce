import { deepEqual } from "node:assert/strict";
import { completeLock, type LockedPackage } from "../../../scripts/lock/complete-lock.mjs";

describe("completing package-lock.json", () => {
  function complete(optionalDependencies: Record<string, string>): Record<string, LockedPackage> {
    const packages = {
      "": {},
      "node_modules/tool": { version: "1.2.3", dev: true, optionalDependencies },
      "node_modules/@tool/linux-x64": { version: "1.2.3", optional: true },
    };
    const { "": _root, "node_modules/tool": _tool, ...others } = completeLock({ packages }).packages;
    return others;
  }
  const present = { "node_modules/@tool/linux-x64": { version: "1.2.3", optional: true } };
  const added = { version: "1.2.3", dev: true, optional: true };

  it("adds the platforms that the registry did not have, in npm's order", () => {
    const versions = {
      "@tool/linux-x64": "1.2.3",
      "@tool/linux-x64-musl": "1.2.3",
      "@tool/darwin-arm64": "1.2.3",
    };
    const completed = complete(versions);
    deepEqual(completed, {
      ...present,
      "node_modules/@tool/darwin-arm64": { ...added, os: ["darwin"], cpu: ["arm64"] },
      "node_modules/@tool/linux-x64-musl": { ...added, os: ["linux"], cpu: ["x64"], libc: ["musl"] },
    });
    deepEqual(Object.keys(completed), Object.keys(completed).sort());
  });

  it("adds nothing that is not pinned or not named after a platform", () => {
    deepEqual(
      complete({ "@tool/linux-x64": "1.2.3", "@tool/win32-x64": "^1.2.3", "cpu-features": "1.0.0" }),
      present,
    );
  });

  it("changes nothing in a complete lock", () => {
    deepEqual(complete({ "@tool/linux-x64": "1.2.3" }), present);
  });
});
