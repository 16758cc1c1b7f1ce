import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { buildBootMedium } from "../../../iso-build/index.ts";
import type { KernelTree } from "../../../iso-build/kernel/index.ts";
import {
  KERNEL_CACHE,
  makeExecutables,
  makeFolder,
  makePhotonRpm,
  PHOTON_VERSION,
  removeFolder,
  unpackKernel,
} from "./support/kernel-fixture.ts";

// As in Photon's linux-esx: the drivers of vSphere's devices are built in, and there is no virtio_console.
const BUILT_IN = [
  "scsi_common",
  "scsi_mod",
  "sd_mod",
  "sr_mod",
  "cdrom",
  "vmw_pvscsi",
  "vmxnet3",
  "crc32c_generic",
  "ext4",
];

describe("a kernel from an RPM", function () {
  this.timeout(300_000);
  const folder = makeFolder();
  const executables = makeExecutables(folder);
  let kernel: KernelTree;

  before(async () => {
    kernel = await unpackKernel(folder);
  });
  after(() => removeFolder(folder));

  const build = (name: string, kernelRpm: string) =>
    buildBootMedium({
      ...executables,
      out: path.join(folder, name, "out"),
      kernelRpm,
      kernelCache: KERNEL_CACHE,
      iso: false,
    });
  const makeRpm = (name: string, rpm: Parameters<typeof makePhotonRpm>[2]) => {
    mkdirSync(path.join(folder, name));
    return makePhotonRpm(kernel, path.join(folder, name), rpm);
  };

  it("works with modules compressed by xz under /usr/lib/modules", async () => {
    const rpm = await makeRpm("xz", {
      loadable: ["erofs", "isofs", "loop"],
      builtIn: BUILT_IN,
      modulesParent: "usr/lib/modules",
      compression: "xz",
    });
    const manifest = await build("xz", rpm);
    assert.equal(manifest.kernelVersion, PHOTON_VERSION);
    assert.deepEqual(manifest.platforms, ["vsphere"]);
    const initramfs = readFileSync(path.join(folder, "xz/out/initramfs"));
    const read = (name: string) => execFileSync("bsdtar", ["-xOf", "-", name], { input: initramfs });
    assert.equal(read("modules/always").toString(), "libcrc32c.ko\nerofs.ko\n");
    assert.equal(read("modules/on-demand/iso").toString(), "isofs.ko\nloop.ko\n");
    assert.equal(read("modules/erofs.ko").toString("latin1", 0, 4), "\x7fELF");
  });

  it("works with modules compressed by zstd under /lib/modules", async () => {
    const rpm = await makeRpm("zst", {
      loadable: ["erofs", "isofs", "loop", "virtio_pci", "virtio_blk", "virtio_console", "virtio_net"],
      builtIn: BUILT_IN,
      modulesParent: "lib/modules",
      compression: "zst",
    });
    assert.deepEqual((await build("zst", rpm)).platforms, ["qemu", "vsphere"]);
  });

  it("is refused, with the module's name, when it lacks one that is needed", async () => {
    const rpm = await makeRpm("no-erofs", {
      loadable: ["isofs", "loop"],
      builtIn: BUILT_IN,
      modulesParent: "usr/lib/modules",
      compression: "xz",
    });
    await assert.rejects(build("no-erofs", rpm), {
      code: "not-set-up",
      message: "the kernel has no module erofs, neither to load nor built in",
    });
  });
});
