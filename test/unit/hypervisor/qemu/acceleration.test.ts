import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { chooseAcceleration } from "../../../../src/hypervisor/qemu/acceleration.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

describe("the acceleration", () => {
  const folder = useTemporaryFolder();
  const facts = ({
    device,
    flags,
  }: {
    device: boolean;
    flags: string;
  }): { device: string; cpuInfo: string } => {
    const paths = { device: join(folder.path, "kvm"), cpuInfo: join(folder.path, "cpuinfo") };
    if (device) writeFileSync(paths.device, "");
    writeFileSync(paths.cpuInfo, `processor\t: 0\nmodel name\t: vmx svm\nflags\t\t: ${flags}\n`);
    return paths;
  };

  it("is KVM when its device opens and the processor virtualises in hardware", () => {
    for (const flag of ["vmx", "svm"]) {
      const able = facts({ device: true, flags: `fpu ${flag} aes` });
      assert.equal(chooseAcceleration("auto", able), "kvm");
      assert.equal(chooseAcceleration("kvm", able), "kvm");
    }
  });

  it("is emulation when the device is there and the hardware is not: guests would hang", () => {
    for (const flags of ["fpu aes", "fpu svm_lock vmxnet", ""]) {
      assert.equal(chooseAcceleration("auto", facts({ device: true, flags })), "tcg", flags);
    }
  });

  it("is emulation without the device", () => {
    assert.equal(chooseAcceleration("auto", facts({ device: false, flags: "vmx" })), "tcg");
  });

  it("is emulation when that is asked for, whatever the machine can do", () => {
    assert.equal(chooseAcceleration("tcg", facts({ device: true, flags: "vmx" })), "tcg");
    assert.equal(chooseAcceleration("tcg", { device: "/none", cpuInfo: "/none" }), "tcg");
  });

  it("that is asked for and cannot be had is refused with the reason", () => {
    assert.throws(
      () => chooseAcceleration("kvm", facts({ device: true, flags: "fpu" })),
      catalogueError(
        "acceleration-unavailable",
        /^KVM cannot be used: the processor shows no hardware virtualisation/,
      ),
    );
  });

  it("that is asked for without its device is refused with the reason", () => {
    assert.throws(
      () => chooseAcceleration("kvm", facts({ device: false, flags: "vmx" })),
      catalogueError("acceleration-unavailable", /^KVM cannot be used: ENOENT.*kvm/),
    );
  });
});
