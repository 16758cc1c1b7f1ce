import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type BootMediumOptions, buildBootMedium, readManifest } from "../../../iso-build/index.ts";
import { KERNEL_CACHE, makeExecutables, makeFolder, removeFolder } from "./support/kernel-fixture.ts";

const COMMAND = path.join(import.meta.dirname, "../../../iso-build/build.ts");

/** What the agent loads on demand of Debian's kernel: drivers, the firewall, file systems. */
const MODULES = [
  "aliases",
  "dns_resolver.ko",
  "failover.ko",
  "fscache.ko",
  "fuse.ko",
  "grace.ko",
  "lockd.ko",
  "net_failover.ko",
  "netfs.ko",
  "nf_conntrack.ko",
  "nf_defrag_ipv4.ko",
  "nf_defrag_ipv6.ko",
  "nf_nat.ko",
  "nf_tables.ko",
  "nfnetlink.ko",
  "nfs.ko",
  "nfs_acl.ko",
  "nfsv3.ko",
  "nfsv4.ko",
  "nft_chain_nat.ko",
  "nft_ct.ko",
  "nft_redir.ko",
  "scsi_common.ko",
  "scsi_mod.ko",
  "sd_mod.ko",
  "sets/",
  "sets/9p",
  "sets/firewall",
  "sets/firewall-connections",
  "sets/firewall-redirections",
  "sets/nfs",
  "sets/virtiofs",
  "sets/xfs",
  "sunrpc.ko",
  "virtio_net.ko",
  "virtio_scsi.ko",
  "virtiofs.ko",
  "vmw_pvscsi.ko",
  "vmxnet3.ko",
  "xfs.ko",
];

describe("building the boot medium", function () {
  this.timeout(300_000);
  const folder = makeFolder();
  const options: Omit<BootMediumOptions, "out"> = {
    ...makeExecutables(folder),
    prefetch: path.join(folder, "prefetch"),
    kernelCache: KERNEL_CACHE,
    iso: true,
  };
  const first = path.join(folder, "first");
  const second = path.join(folder, "a/second");

  before(async () => {
    writeFileSync(path.join(folder, "prefetch"), "0 4096\n");
    await buildBootMedium({ ...options, out: first });
    const oldUmask = process.umask(0o077);
    await buildBootMedium({ ...options, out: second });
    process.umask(oldUmask);
  });
  after(() => removeFolder(folder));

  it("makes kernel, initramfs, agent image, ISO and manifest, and leaves nothing else", () => {
    const names = ["agent.erofs", "initramfs", "manifest.json", "tether.iso", "vmlinux", "vmlinuz"];
    assert.deepEqual(readdirSync(first).sort(), names);
  });

  it("makes the same bytes again, in another folder, at another time, under another umask", () => {
    for (const name of readdirSync(first)) {
      assert.ok(readFileSync(path.join(first, name)).equals(readFileSync(path.join(second, name))), name);
    }
  });

  it("puts the agent with its libraries and mount points into the agent image, and nothing else", () => {
    const tree = path.join(folder, "tree");
    extractErofs(path.join(first, "agent.erofs"), tree);
    assert.deepEqual(list(tree), [
      "container/",
      "dev/",
      "etc/",
      "lib/",
      "lib/x86_64-linux-gnu/",
      "lib/x86_64-linux-gnu/libc.so.6",
      "lib64/",
      "lib64/ld-linux-x86-64.so.2",
      "modules/",
      ...MODULES.map((name) => `modules/${name}`),
      "prefetch",
      "proc/",
      "run/",
      "sys/",
      "tether",
      "tmp/",
    ]);
    assert.ok(readFileSync(path.join(tree, "tether")).equals(readFileSync(options.agent)));
  });

  it("gives the ISO the same content as the direct boot", () => {
    const iso = path.join(folder, "iso");
    const [direct, compressed] = [path.join(folder, "direct"), path.join(folder, "compressed")];
    execFileSync("bsdtar", ["-xf", path.join(first, "tether.iso"), "-C", mkdir(iso)]);
    for (const name of ["vmlinuz", "initramfs"]) {
      assert.ok(
        readFileSync(path.join(iso, "boot", name)).equals(readFileSync(path.join(first, name))),
        name,
      );
    }
    extractErofs(path.join(first, "agent.erofs"), direct);
    extractErofs(path.join(iso, "boot/agent.erofs"), compressed);
    execFileSync("diff", ["-r", direct, compressed]);
    assert.deepEqual(modes(compressed), modes(direct));
  });

  it("makes an ISO that BIOS and UEFI boot, as a CD and from a disk", () => {
    const report = execFileSync(
      "xorriso",
      [
        "-indev",
        path.join(first, "tether.iso"),
        "-report_el_torito",
        "plain",
        "-report_system_area",
        "plain",
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    );
    assert.match(report, /El Torito boot img : +1 +BIOS +y/);
    assert.match(report, /El Torito boot img : +2 +UEFI +y/);
    assert.match(report, /System area summary: MBR isohybrid .*GPT/);
  });

  it("starts the initramfs with stage 0 and the lists that it reads", () => {
    const initramfs = readFileSync(path.join(first, "initramfs"));
    const names = execFileSync("cpio", ["-t", "--quiet"], { input: initramfs, encoding: "utf8" })
      .trim()
      .split("\n");
    for (const name of [
      "init",
      "dev/console",
      "modules/always",
      "modules/aliases",
      "modules/on-demand/iso",
    ]) {
      assert.ok(names.includes(name), name);
    }
    const read = (name: string) =>
      execFileSync("bsdtar", ["-xOf", "-", name], { input: initramfs, encoding: "utf8" });
    const listed = [
      ...read("modules/always").trim().split("\n"),
      ...read("modules/on-demand/iso").trim().split("\n"),
    ];
    for (const line of read("modules/aliases").trim().split("\n"))
      listed.push(...(line.split(" ")[1] ?? "").split(","));
    for (const module of listed) assert.ok(names.includes(`modules/${module}`), module);
  });

  it("records in the manifest what it made", async () => {
    const manifest = await readManifest(first);
    assert.match(manifest.kernelVersion, /^6\.\d+\.\d+-\d+-cloud-amd64$/);
    assert.deepEqual(manifest.platforms, ["qemu", "vsphere"]);
    assert.equal(
      manifest.files["tether.iso"]?.sizeBytes,
      readFileSync(path.join(first, "tether.iso")).length,
    );
  });

  it("keeps the outputs of the build before when a build fails, and leaves no temporary file", async () => {
    const before = readdirSync(second);
    await assert.rejects(buildBootMedium({ ...options, out: second, stage0: options.agent }), {
      code: "not-set-up",
      message: /must be linked statically/,
    });
    assert.deepEqual(readdirSync(second), before);
  });

  it("leaves no temporary file when it is interrupted", async () => {
    const out = path.join(folder, "interrupted");
    const building = buildBootMedium({ ...options, out, signal: AbortSignal.timeout(300) });
    await assert.rejects(building);
    assert.deepEqual(readdirSync(out), []);
  });

  it("takes the ISO of an earlier build away when asked for none", async () => {
    await buildBootMedium({ ...options, out: second, iso: false });
    assert.deepEqual(readdirSync(second).sort(), [
      "agent.erofs",
      "initramfs",
      "manifest.json",
      "vmlinux",
      "vmlinuz",
    ]);
  });

  describe("on the command line", () => {
    const good = ["--agent", options.agent, "--stage0", options.stage0, "--out", path.join(folder, "unused")];
    const cases: readonly (readonly [name: string, args: readonly string[], message: RegExp])[] = [
      ["an unknown option", [...good, "--fast"], /^iso-build: Unknown option '--fast'; see --help\n$/],
      ["a stray word", [...good, "word"], /^iso-build: Unexpected argument 'word'.*\n$/],
      ["a missing option", ["--agent", options.agent], /^iso-build: --stage0 is missing; see --help\n$/],
      ["no agent", [...good, "--agent", "/nowhere"], /^iso-build: cannot read agent \/nowhere: ENOENT.*\n$/],
      ["a folder as agent", [...good, "--agent", "/"], /^iso-build: agent \/ is not an ordinary file\n$/],
      [
        "a script as agent",
        [...good, "--agent", COMMAND],
        /^iso-build: agent .* is not an ELF executable\n$/,
      ],
      [
        "no prefetch list",
        [...good, "--prefetch", "/nowhere"],
        /^iso-build: cannot read prefetch list .*\n$/,
      ],
      [
        "an output folder in a file",
        [...good, "--out", `${options.agent}/x`],
        /^iso-build: cannot make the output folder .*\n$/,
      ],
      ["an RPM that is none", [...good, "--kernel-rpm", options.agent], /cannot unpack kernel RPM .*\n$/],
    ];
    for (const [name, args, message] of cases) {
      it(`refuses ${name} in one line`, () => {
        const run = spawnSync(process.execPath, [COMMAND, ...args], { encoding: "utf8" });
        assert.equal(run.status, 1);
        const errors = run.stderr
          .split("\n")
          .filter((line) => line !== "iso-build: kernel")
          .join("\n");
        assert.match(errors, message);
        assert.equal(errors.trim().split("\n").length, 1);
      });
    }

    it("names the Debian package of a program that is missing", () => {
      const run = spawnSync(process.execPath, [COMMAND, ...good], {
        encoding: "utf8",
        env: { PATH: folder },
      });
      assert.equal(run.status, 1);
      assert.match(run.stderr, /is missing: apt-get install \S+\n$/);
    });

    it("explains itself", () => {
      const run = spawnSync(process.execPath, [COMMAND, "--help"], { encoding: "utf8" });
      assert.equal(run.status, 0);
      assert.match(run.stdout, /^Usage: .*--kernel-rpm/s);
    });
  });
});

function mkdir(folder: string): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}

function extractErofs(image: string, folder: string): void {
  execFileSync("fsck.erofs", [`--extract=${mkdir(folder)}`, "--overwrite", image], {
    stdio: ["ignore", "ignore", "pipe"],
  });
}

function list(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map(
      (entry) =>
        path.relative(folder, path.join(entry.parentPath, entry.name)) + (entry.isDirectory() ? "/" : ""),
    )
    .sort();
}

function modes(folder: string): string {
  return execFileSync("find", [".", "-printf", "%p %m %U %G %T@\n"], { cwd: folder, encoding: "utf8" })
    .split("\n")
    .sort()
    .join("\n");
}
