import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CheckedParts, type Finding, runChecks } from "../../../src/cli/doctor/run-checks.ts";
import { openStateFolder } from "../../../src/portlayer/execution/index.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

describe("vch doctor", () => {
  const folder = useTemporaryFolder();

  /** A program that says one line. */
  function program(name: string, says: string): string {
    const path = join(folder.path, name);
    writeFileSync(path, `#!/bin/sh\necho '${says}'\n`);
    chmodSync(path, 0o755);
    return path;
  }

  function check(changes: Partial<CheckedParts> = {}): Map<string, Finding> {
    const findings = runChecks({
      openState: () => openStateFolder({ VCH_STATE: folder.path }),
      checkState: () => ({ damage: undefined, strays: [] }),
      findBootMedium: () => {},
      whyNoKvm: () => undefined,
      tools: { "tool-of-ours": "our-package", openssl: "openssl-package" },
      folderServer: program("virtiofsd", ""),
      environment: { PATH: folder.path },
      userId: 0,
      whyCallersUser: () => undefined,
      ...changes,
    });
    return new Map(findings.map((finding) => [finding.what, finding]));
  }

  it("finds nothing wrong where everything is there", () => {
    program("qemu-system-x86_64", "QEMU emulator version 7.2.22 (Debian 1:7.2)");
    program("tool-of-ours", "");
    program("openssl", "");
    const found = check();
    // How much memory and disk is free is this machine's affair.
    for (const { is, what, says } of found.values())
      if (!["memory", "disk space"].includes(what)) assert.equal(is, "ok", `${what}: ${says}`);
    assert.equal(found.get("QEMU")?.says, "7.2.22");
  });

  it("says what is missing and what to do, and tells what containers need from what some commands need", () => {
    const found = check({
      openState: () => {
        throw new Error("the state folder /x cannot be written");
      },
      findBootMedium: () => {
        throw new Error("the boot medium is missing: no /x/vmlinuz");
      },
      whyNoKvm: () => "no /dev/kvm",
      tools: { "tool-of-nobody": "our-package", "mkfs.xfs": "xfsprogs", "no-such-tool": "some-package" },
      folderServer: "/nowhere/virtiofsd",
      userId: 1000,
    });
    const say = (what: string): string => {
      const finding = found.get(what);
      return `${finding?.is ?? "none"}: ${finding?.says ?? ""}`;
    };
    assert.match(say("state folder"), /^failure: the state folder \/x cannot be written: set VCH_STATE/);
    assert.match(say("boot medium"), /^failure: .*no \/x\/vmlinuz: npm run set-up makes it$/);
    assert.match(say("QEMU"), /^failure: .*apt-get install qemu-system-x86$/);
    assert.match(say("KVM"), /^warning: cannot be used \(no \/dev\/kvm\)/);
    assert.match(say("permissions"), /^warning: not root/);
    assert.match(say("virtiofsd"), /^warning: no \/nowhere\/virtiofsd: apt-get install qemu-system-common/);
    assert.equal(say("no-such-tool"), "failure: not installed: apt-get install some-package");
    assert.equal(found.has("disk space"), false);
  });

  it("says what is wrong with the state database, and of folders that are no container's", () => {
    const { is, says } = check({ checkState: () => ({ damage: "it is damaged", strays: [] }) }).get(
      "state database",
    ) as Finding;
    assert.deepEqual([is, says], ["failure", "it is damaged"]);
    const stray = check({ checkState: () => ({ damage: undefined, strays: ["/x/1", "/x/2"] }) });
    assert.equal(stray.get("state database")?.is, "warning");
    assert.match(stray.get("state database")?.says ?? "", /^no record belongs to \/x\/1, \/x\/2: /);
  });

  it("warns of a QEMU that nobody has tried", () => {
    program("qemu-system-x86_64", "QEMU emulator version 5.2.0");
    assert.match(check().get("QEMU")?.says ?? "", /^5\.2\.0: 7\.2 or newer/);
    assert.equal(check().get("QEMU")?.is, "warning");
  });
});
