import assert from "node:assert/strict";
import { qemuShim } from "../support/qemu-shim.ts";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";

/** A disk beside the container's, with the document in it. */
const ON_DISK = `
mkdir document
cp "$config" document/config
mke2fs -q -t ext4 -O ^has_journal -L tether-config -d document document.img 4M
addWord tether.config=tether-config:/
args+=(-drive if=none,id=document,format=raw,read-only=on,file=document.img -device virtio-blk-pci,drive=document)
`;

describe("the configuration of a container VM without fw_cfg", function () {
  this.timeout(180_000);
  const host = useHost();

  it("is found on the disk that the kernel's command line names, which the container cannot read", async () => {
    const environment = qemuShim(host, "on-disk", ON_DISK);
    const script = `cat /proc/cmdline; grep -c configuration /proc/mounts; ls /sys/class/block
      mknod /tmp/d b $(tr : ' ' < /sys/class/block/vdc/dev) && head -c 1 /tmp/d || echo refused`;
    const command = ["run", "--rm", "--start", "cold", DEMO_IMAGE, "sh", "-c", script];
    const { status, stdout, complaints } = await host.run(command, { environment });
    assert.deepEqual([status, complaints.filter((line) => !/not permitted/.test(line))], [0, []]);
    const [words = "", mounts, ...rest] = stdout.toString().trim().split("\n");
    assert.match(words, / tether\.config=tether-config:\/$/);
    assert.equal(mounts, "0");
    assert.equal(rest.at(-1), "refused");
    assert.ok(rest.includes("vdc"), "the container's disk, the agent's and the document's");
  });

  it("is missed with a message that says where it was looked for", async () => {
    const environment = qemuShim(host, "nowhere", "");
    const { status, complaints } = await host.run(["run", "--rm", "--start", "cold", DEMO_IMAGE, "true"], {
      environment,
    });
    assert.equal(status, 125);
    assert.match(
      complaints.join("\n"),
      /no configuration: it was looked for in fw_cfg \(opt\/tether\/config\), a file \(kernel word tether\.config=\)/,
    );
  });
});
