import assert from "node:assert/strict";
import {
  loadOrder,
  type ModuleIndex,
  moduleFileName,
  moduleName,
  parseModulesAlias,
  parseModulesBuiltin,
  parseModulesDep,
  parseModulesSoftdep,
  planModules,
} from "../../../iso-build/modules/index.ts";

const dep = `kernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/virtio/virtio_ring.ko:
kernel/drivers/block/virtio_blk.ko.xz: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/char/hw_random/virtio-rng.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/scsi/vmw_pvscsi.ko.zst: kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/scsi/scsi_mod.ko:
kernel/fs/isofs/isofs.ko: kernel/drivers/cdrom/cdrom.ko
kernel/drivers/cdrom/cdrom.ko:
`;
const builtin =
  "kernel/fs/erofs/erofs.ko\nkernel/fs/ext4/ext4.ko\nkernel/drivers/scsi/sd_mod.ko\nkernel/drivers/scsi/sr_mod.ko\nkernel/drivers/block/loop.ko\nkernel/drivers/net/vmxnet3.ko\n";
const alias = `# Aliases extracted from modules themselves.
alias virtio:d00000004v* virtio-rng
alias pci:v000015ADd000007C0sv*sd*bc*sc*i* vmw_pvscsi
alias char-major-10-229 virtio_rng
`;

function makeIndex(
  texts: { dep?: string; builtin?: string; alias?: string; softdep?: string } = {},
): ModuleIndex {
  return {
    loadable: parseModulesDep(texts.dep ?? dep),
    builtIn: parseModulesBuiltin(texts.builtin ?? builtin),
    aliases: parseModulesAlias(texts.alias ?? alias),
    softDependencies: parseModulesSoftdep(texts.softdep ?? ""),
  };
}

describe("module names", () => {
  it("treat - and _ alike and drop folder and compression", () => {
    assert.equal(moduleName("kernel/drivers/char/hw_random/virtio-rng.ko.xz"), "virtio_rng");
    assert.equal(moduleFileName("kernel/drivers/char/hw_random/virtio-rng.ko.zst"), "virtio-rng.ko");
  });
});

describe("load order", () => {
  it("puts each module after what it needs, and none twice", () => {
    assert.deepEqual(loadOrder(makeIndex(), ["virtio_pci", "virtio_blk"]).map(moduleFileName), [
      "virtio_ring.ko",
      "virtio.ko",
      "virtio_pci.ko",
      "virtio_blk.ko",
    ]);
  });

  it("does not depend on the order of a line of modules.dep", () => {
    const turned = dep.replaceAll(/: (\S+) (\S+)$/gm, ": $2 $1");
    assert.deepEqual(
      loadOrder(makeIndex({ dep: turned }), ["virtio_blk"]),
      loadOrder(makeIndex(), ["virtio_blk"]),
    );
  });

  it("puts what a module asks for when it is loaded before it, the generic one of several", () => {
    const index = makeIndex({
      dep: `${dep}kernel/lib/libcrc32c.ko:\nkernel/fs/f2fs.ko: kernel/lib/libcrc32c.ko\nkernel/crypto/crc32c_generic.ko:\nkernel/arch/crc32c-intel.ko:\nkernel/crypto/md5.ko:\n`,
      alias: `${alias}alias crc32c crc32c_intel\nalias crc32c crc32c_generic\n`,
      softdep:
        "# Soft dependencies\nsoftdep libcrc32c pre: crc32c\nsoftdep f2fs pre: md5 built-in-or-not post: cdrom\nsoftdep cifs gcm\n",
    });
    assert.deepEqual(loadOrder(index, ["f2fs"]).map(moduleFileName), [
      ...["crc32c_generic.ko", "libcrc32c.ko", "md5.ko", "f2fs.ko"],
    ]);
    assert.deepEqual([...index.softDependencies.keys()], ["libcrc32c", "f2fs"]);
    const builtIn = new Set([...index.builtIn, "crc32c_generic"]);
    const loadable = new Map([...index.loadable].filter(([name]) => name !== "crc32c_generic"));
    assert.deepEqual(loadOrder({ ...index, builtIn, loadable }, ["libcrc32c"]).map(moduleFileName), [
      "libcrc32c.ko",
    ]);
  });

  it("takes a built-in module as done", () => {
    assert.deepEqual(loadOrder(makeIndex(), ["erofs"]), []);
  });

  it("names a module that the kernel has not", () => {
    assert.throws(() => loadOrder(makeIndex(), ["virtio_console"]), {
      code: "not-set-up",
      message: "the kernel has no module virtio_console, neither to load nor built in",
    });
  });
});

describe("the module plan", () => {
  it("lists what is always loaded in load order", () => {
    assert.equal(
      planModules(makeIndex()).lists.get("always"),
      "virtio_ring.ko\nvirtio.ko\nvirtio_pci.ko\nvirtio_blk.ko\n",
    );
  });

  it("maps device aliases to the files still to load, and no others", () => {
    assert.equal(
      planModules(makeIndex()).lists.get("aliases"),
      "virtio:d00000004v* virtio-rng.ko\npci:v000015ADd000007C0sv*sd*bc*sc*i* scsi_mod.ko,vmw_pvscsi.ko\n",
    );
  });

  it("lists what reading an ISO takes", () => {
    assert.equal(planModules(makeIndex()).lists.get("on-demand/iso"), "cdrom.ko\nisofs.ko\n");
  });

  it("says which hypervisors the kernel serves", () => {
    assert.deepEqual(planModules(makeIndex()).platforms, ["vsphere"]);
  });

  it("refuses a kernel without erofs, by name", () => {
    const index = makeIndex({ builtin: builtin.replace("kernel/fs/erofs/erofs.ko\n", "") });
    assert.throws(() => planModules(index), { code: "not-set-up", message: /no module erofs,/ });
  });

  it("refuses a kernel that serves no hypervisor, and names what is missing", () => {
    const index = makeIndex({ builtin: builtin.replace("kernel/drivers/net/vmxnet3.ko\n", "") });
    assert.throws(() => planModules(index), { code: "not-set-up", message: /virtio_console.*vmxnet3/ });
  });
});
