import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const PARTS = ["aliases", "files", "options", "superblock"];
const UUID = "7e7be200-0000-4000-8000-746574686572";

describe("stage 0", () => {
  let folder = "";
  const probe = (...args: string[]) => {
    // Stage 0 frees nothing that it needs to its end.
    const env = { ASAN_OPTIONS: "detect_leaks=0" };
    const run = spawnSync(join(folder, "probe"), args, { encoding: "utf8", env });
    assert.equal(run.stderr, "");
    return run;
  };

  before(function () {
    this.timeout(30_000);
    folder = mkdtempSync(join(tmpdir(), "stage0-"));
    const sources = PARTS.map((name) => join(root, "native/stage0", `${name}.c`));
    const sanitize = ["-g", "-fsanitize=address,undefined"];
    const probeSource = fileURLToPath(new URL("stage0-probe.c", import.meta.url));
    const output = join(folder, "probe");
    execFileSync("gcc", ["-std=gnu11", "-D_GNU_SOURCE", ...sanitize, "-o", output, probeSource, ...sources]);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function file(name: string, content: string | Buffer): string {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  }

  describe("module aliases", () => {
    const table = [
      "virtio:d00000003v* virtio_console.ko",
      "pci:v000015ADd000007C0sv*sd*bc*sc*i* scsi_common.ko,scsi_mod.ko,vmw_pvscsi.ko",
      "scsi:t-0x05* cdrom.ko,sr_mod.ko",
      "",
      "nothing",
      " no-pattern.ko",
      "scsi:t-0x0[05]* both.ko,,",
    ].join("\n");

    it("give the files of every line that matches, in load order", () => {
      const path = file("aliases", table);
      const match = (alias: string) => probe("aliases", path, alias).stdout.split("\n").filter(Boolean);
      assert.deepEqual(match("virtio:d00000003v00001AF4"), ["virtio_console.ko"]);
      const pvscsi = "pci:v000015ADd000007C0sv000015ADsd000007C0bc01sc00i00";
      assert.deepEqual(match(pvscsi), ["scsi_common.ko", "scsi_mod.ko", "vmw_pvscsi.ko"]);
      assert.deepEqual(match("scsi:t-0x05"), ["cdrom.ko", "sr_mod.ko", "both.ko"]);
      assert.deepEqual(match("virtio:d00000004v00001AF4"), []);
      assert.deepEqual(match(""), []);
    });

    it("may be none, or one line without an end", () => {
      assert.equal(probe("aliases", file("empty", ""), "x").stdout, "");
      assert.equal(probe("aliases", file("one", "x* one.ko"), "xy").stdout, "one.ko\n");
    });

    it("may be a table larger than any first guess", () => {
      const lines = Array.from({ length: 5000 }, (_, index) => `device:${index}:* module-${index}.ko`);
      const { stdout } = probe("aliases", file("large", lines.join("\n")), "device:4999:x");
      assert.equal(stdout, "module-4999.ko\n");
    });
  });

  describe("kernel command line", () => {
    it("may turn on timings, turn off prefetching, and name another image", () => {
      const words = `quiet tether.debug console=ttyS0 tether.noprefetch tether.agent=${UUID.toUpperCase()}\n`;
      assert.equal(probe("options", words).stdout, `1 1 ${UUID.replaceAll("-", "")}\n`);
      assert.equal(probe("options", "tether.debugger xtether.noprefetch").stdout, `0 0 ${"0".repeat(32)}\n`);
    });

    it("is refused with a malformed UUID", () => {
      for (const uuid of ["", "7e7be200", UUID.replaceAll("-", ""), `${UUID}0`, UUID.replace("7", "g")]) {
        const { status, stdout } = probe("options", `tether.agent=${uuid}`);
        assert.deepEqual([status, stdout], [3, `tether.agent=${uuid}: not a UUID`]);
      }
    });
  });

  describe("devices", () => {
    it("are recognised by the erofs superblock and its UUID", () => {
      const image = Buffer.alloc(4096);
      image.writeUInt32LE(0xe0f5e1e2, 1024);
      Buffer.from(UUID.replaceAll("-", ""), "hex").copy(image, 1024 + 48);
      const path = file("image", image);
      assert.equal(probe("block", path, UUID).stdout, "1 0\n");
      assert.equal(probe("block", path, UUID.replace("7", "8")).stdout, "0 0\n");
      assert.equal(probe("block", file("short", image.subarray(0, 1080)), UUID).stdout, "0 0\n");
      image.writeUInt32LE(0xe0f5e1e3, 1024);
      assert.equal(probe("block", file("other", image), UUID).stdout, "0 0\n");
    });

    it("are recognised as ISO 9660 media", () => {
      const medium = Buffer.alloc(40_000);
      medium.write("CD001", 32_769);
      assert.equal(probe("block", file("medium", medium), UUID).stdout, "0 1\n");
      assert.equal(probe("block", file("blank", Buffer.alloc(0)), UUID).stdout, "0 0\n");
    });
  });
});
