import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { KernelModules } from "../../../src/init/kernel-modules.ts";
import { RecordingSystem } from "../../support/recording-system.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

/** One line of each form that iso-build/modules writes. */
const ALIASES = [
  "virtio:d00000001v* failover.ko,virtio_net.ko",
  "pci:v000015ADd000007B0sv*sd*bc*sc*i* vmxnet3.ko",
  "exactly:this exact.ko",
  "ends:*abab ends.ko",
];

describe("the driver of a device", () => {
  const folder = useTemporaryFolder();
  const loadedFor = (...modaliases: readonly string[]): string[] => {
    writeFileSync(join(folder.path, "aliases"), `${ALIASES.join("\n")}\n`);
    const system = new RecordingSystem();
    const modules = new KernelModules(system, folder.path);
    for (const modalias of modaliases) modules.loadDriver(modalias);
    return system.calls.map(({ args }) => basename(String(args[0])));
  };

  it("is loaded with what it needs, once", () => {
    const network = "virtio:d00000001v00001AF4";
    assert.deepEqual(loadedFor(network, network), ["failover.ko", "virtio_net.ko"]);
  });

  it("has anything where its alias says so, nothing included", () => {
    const vmxnet3 = "pci:v000015ADd000007B0sv000015ADsd000007B0bc02sc00i00";
    assert.deepEqual(loadedFor(vmxnet3), ["vmxnet3.ko"]);
    assert.deepEqual(loadedFor("virtio:d00000001v", "ends:abab"), [
      "failover.ko",
      "virtio_net.ko",
      "ends.ko",
    ]);
    assert.deepEqual(loadedFor("ends:ababab", "exactly:this"), ["ends.ko", "exact.ko"]);
  });

  it("is not another device's", () => {
    const others = [
      ...["virtio:d00000002v00001AF4", "xvirtio:d00000001v", "exactly:thisx", "exactly:thi"],
      // Its parts in another order, one part twice used, and nothing at its end.
      ...["pci:v000015ADd000007B0sd1sv1bc02sc00i00", "ends:ab", "ends:ababx"],
      "pci:v000015ADd000007B0sv1sd1bc02sc00",
    ];
    assert.deepEqual(loadedFor(...others), []);
  });
});
