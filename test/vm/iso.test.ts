import assert from "node:assert/strict";
import { DEMO_IMAGE, type Finished, useHost } from "../support/vm-host.ts";

/** What a container VM on vSphere would see: a paravirtual SCSI disk and, as it has a network, a vmxnet3 card. */
const SCRIPT = `
  echo disk $(awk '$2 == "/" { print $1 }' /proc/mounts)
  echo controller $(cat /sys/class/scsi_host/*/proc_name | sort | uniq | tr '\\n' ' ')
  for card in /sys/class/net/*; do [ -e $card/device/driver ] && echo card $(basename $(readlink $card/device/driver)); done
  echo kernel $(uname -s)
  ls -d /sys/firmware/efi 2>/dev/null
  echo error >&2
  exit 7`;

describe("the ISO boots the same container with the devices of vSphere", () => {
  const host = useHost();

  for (const [medium, firmware] of [
    ["iso-bios", "SeaBIOS"],
    ["iso-uefi", "OVMF"],
  ] as const) {
    describe(`under ${firmware}`, () => {
      let result: Finished;
      before(async () => {
        const options = [
          "--boot",
          medium,
          "--hardware",
          "vmware",
          "--network",
          "user,model=vmxnet3",
          "--start-timeout",
          "150",
        ];
        result = await host.run(["run", "--rm", ...options, DEMO_IMAGE, "sh", "-c", SCRIPT]);
      });

      it("carries its streams and its exit status", () => {
        assert.deepEqual([result.status, result.complaints], [7, ["error"]]);
        assert.match(result.stdout.toString(), /^kernel Linux$/m);
      });

      it("with its disk on pvscsi", () => {
        assert.match(result.stdout.toString(), /^disk \/dev\/sd[a-z]$/m);
        assert.match(result.stdout.toString(), /^controller .*vmw_pvscsi/m);
      });

      it("with a vmxnet3 card", () => {
        assert.match(result.stdout.toString(), /^card vmxnet3$/m);
      });
    });
  }
});
