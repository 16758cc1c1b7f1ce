import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cutShort, writeDockerArchive, writeOciImage } from "../support/images/index.ts";
import {
  type CallOptions,
  DEMO_IMAGE,
  type Finished,
  ROOT,
  useHost,
  type VmHost,
} from "../support/vm-host.ts";
import { busyboxLayer, writeBusyboxImage } from "../support/vm-images.ts";
import { breakLabels, makeProject, writeInitramfs } from "../support/vm-breakages.ts";

/** One clear line on standard error, nothing on standard output, and nothing left. */
async function refused(
  host: VmHost,
  args: readonly string[],
  status: number,
  line: RegExp,
  options: CallOptions = {},
): Promise<void> {
  const result: Finished = await host.run(["run", "--rm", ...args], options);
  assert.equal(result.complaints.length, 1, result.stderr.toString());
  assert.match(result.complaints[0] ?? "", line);
  assert.equal(result.stdout.toString(), "");
  assert.equal(result.status, status, result.complaints[0]);
  host.assertNothingLeft();
}

describe("bad input ends in one clear line, Docker's exit status, and nothing left over:", () => {
  const host = useHost();

  describe("images", () => {
    it("that are not there", async () => {
      await refused(host, ["oci:/nowhere:latest", "true"], 125, /^vch: .*\/nowhere/);
      await refused(host, [`${DEMO_IMAGE}x`, "true"], 125, /^vch: .*latestx/);
      await refused(host, ["/nowhere.tar", "true"], 125, /^vch: .*\/nowhere\.tar/);
      await refused(host, ["what is this", "true"], 125, /^vch: /);
    });

    it("that are corrupt archives", async () => {
      writeFileSync(host.file("garbage.tar"), "this is no archive\n".repeat(1000));
      for (const form of ["docker-archive:", "oci-archive:", ""]) {
        await refused(host, [`${form}${host.file("garbage.tar")}`, "true"], 125, /^vch: .*garbage\.tar/);
      }
      await writeDockerArchive(host.file("cut.tar"), { layers: [busyboxLayer()] });
      await cutShort(host.file("cut.tar"));
      await refused(host, [`docker-archive:${host.file("cut.tar")}`, "true"], 125, /^vch: .*cut\.tar/);
    });

    it("that have no layers", async () => {
      await writeOciImage(host.file("empty"), { layers: [] });
      await refused(host, [`oci:${host.file("empty")}:latest`, "true"], 125, /^vch: .*no layers/);
    });

    it("that have a layer with a path that leaves the root", async () => {
      await writeOciImage(host.file("escape"), { layers: [[{ name: "../../outside", data: "got out" }]] });
      await refused(host, [`oci:${host.file("escape")}:latest`, "true"], 125, /^vch: .*\.\.\/outside/);
    });

    it("that have nothing to run", async () => {
      const image = await writeBusyboxImage(host.file("idle"), {});
      await refused(host, [image], 125, /^vch: no command specified/);
    });
  });

  describe("processes", () => {
    it("whose command is not in the image: 127", async () => {
      await refused(
        host,
        [DEMO_IMAGE, "no-such-command"],
        127,
        /^vch: exec: "no-such-command": executable file not found in \$PATH$/,
      );
    });

    it("whose image has no /bin/sh: 127", async () => {
      await writeOciImage(host.file("bare"), {
        layers: [[{ name: "file", data: "" }]],
        config: { Cmd: ["/bin/sh"] },
      });
      await refused(
        host,
        [`oci:${host.file("bare")}:latest`],
        127,
        /^vch: exec: "\/bin\/sh": stat \/bin\/sh: no such file or directory$/,
      );
    });

    it("whose command cannot be executed: 126", async () => {
      await refused(
        host,
        [DEMO_IMAGE, "/etc/passwd"],
        126,
        /^vch: exec: "\/etc\/passwd": permission denied$/,
      );
    });

    it("whose user is unknown: 125", async () => {
      await refused(
        host,
        ["-u", "nobody-knows", DEMO_IMAGE, "true"],
        125,
        /^vch: unable to find user nobody-knows: no matching entries in passwd file$/,
      );
    });

    it("whose working directory is a file: 126", async () => {
      await refused(
        host,
        ["-w", "/etc/passwd", DEMO_IMAGE, "true"],
        126,
        /^vch: working directory "\/etc\/passwd": not a directory$/,
      );
    });

    it("whose working directory is missing and cannot be made: 126", async () => {
      await refused(
        host,
        ["-w", "/proc/missing", DEMO_IMAGE, "true"],
        126,
        /^vch: working directory "\/proc\/missing": /,
      );
    });

    it("whose options mean nothing", async () => {
      await refused(
        host,
        ["-w", "relative", DEMO_IMAGE, "true"],
        125,
        /^vch: the working directory 'relative' is invalid/,
      );
      await refused(
        host,
        ["--name", "two words", DEMO_IMAGE, "true"],
        125,
        /^vch: Invalid container name \(two words\)/,
      );
      await refused(
        host,
        ["--stop-signal", "SIGNOTHING", DEMO_IMAGE, "true"],
        125,
        /^vch: invalid signal: SIGNOTHING$/,
      );
      await refused(host, ["-m", "much", DEMO_IMAGE, "true"], 125, /^vch: invalid size: 'much'$/);
      await refused(host, ["--cpus", "0", DEMO_IMAGE, "true"], 125, /^vch: .*--cpus/);
      await refused(host, ["--no-such-option", DEMO_IMAGE, "true"], 125, /^vch: .*--no-such-option/);
      await refused(
        host,
        ["-e", "=value", DEMO_IMAGE, "true"],
        125,
        /^vch: invalid environment variable: =value$/,
      );
    });
  });

  describe("this machine", () => {
    it("with too little memory for the container VM: the minimum is told", async () => {
      await refused(
        host,
        ["-m", "32m", DEMO_IMAGE, "true"],
        125,
        /^vch: -m 32m: a container VM needs at least \d+m /,
      );
    });

    it("without KVM where it is asked for", async function () {
      // A machine that has it cannot show this.
      if (/\b(vmx|svm)\b/.test(execFileSync("cat", ["/proc/cpuinfo"], { encoding: "utf8" }))) this.skip();
      await refused(host, ["--accel", "kvm", DEMO_IMAGE, "true"], 125, /^vch: KVM cannot be used: /);
    });

    it("without QEMU", async () => {
      const folder = host.file("bin");
      mkdirSync(folder);
      for (const from of ["/usr/bin", "/usr/sbin"]) {
        for (const name of readdirSync(from)) {
          if (!name.startsWith("qemu-system") && !readdirSync(folder).includes(name))
            symlinkSync(join(from, name), join(folder, name));
        }
      }
      const environment = { PATH: folder };
      await refused(
        host,
        [DEMO_IMAGE, "true"],
        125,
        /^vch: qemu-system-x86_64 is not installed: apt-get install qemu-system-x86$/,
        { environment },
      );
    });

    it("with a state folder that cannot be written", async () => {
      const environment = { VCH_STATE: "/etc/passwd/state" };
      await refused(
        host,
        [DEMO_IMAGE, "true"],
        125,
        /^vch: the state folder \/etc\/passwd\/state cannot be written: /,
        { environment },
      );
    });

    it("without a boot medium", async () => {
      const program = makeProject(host.file("no-medium"), {});
      const { status, complaints } = await host.run(["run", "--rm", DEMO_IMAGE, "true"], { program });
      assert.equal(status, 125);
      assert.equal(complaints.length, 1);
      assert.match(
        complaints[0] ?? "",
        /^vch: the boot medium is missing: no .*vmlinu.*; run `npm start` once/,
      );
    });
  });

  describe("guests", () => {
    const boot = join(ROOT, "build/boot");
    const names = ["vmlinuz", "vmlinux", "agent.erofs"];
    const files = Object.fromEntries(names.map((name) => [name, join(boot, name)]));

    it("whose kernel panics", async () => {
      const initramfs = writeInitramfs(host.file("panic.cpio"), "exit 3");
      const program = makeProject(host.file("panic"), { ...files, initramfs });
      await refused(
        host,
        [DEMO_IMAGE, "true"],
        125,
        /^vch: the container VM's kernel panicked: Attempted to kill init! exitcode=0x00000300$/,
        { program },
      );
    });

    it("that power off without a word", async () => {
      const initramfs = writeInitramfs(host.file("silent.cpio"), "/bin/busybox poweroff -f");
      const program = makeProject(host.file("silent"), { ...files, initramfs });
      await refused(
        host,
        [DEMO_IMAGE, "true"],
        125,
        /^vch: the container VM ended without saying how its process ended$/,
        { program },
      );
    });

    it("that never connect", async () => {
      await refused(
        host,
        // A fork answers within a second.
        ["--start", "cold", "--start-timeout", "1", DEMO_IMAGE, "true"],
        125,
        /^vch: the container VM did not answer within 1 s/,
      );
    });
  });
});

describe("a disk without the label", () => {
  const host = useHost({ sharesImages: false });

  it("ends after half a minute with what was there instead", async () => {
    assert.equal((await host.run(["run", "--rm", DEMO_IMAGE, "true"])).status, 0);
    breakLabels(host.state("images"));
    await refused(
      host,
      [DEMO_IMAGE, "true"],
      125,
      /^vch: no disk with the label "containerfs" after 30 s: found vd[ab].*, vd[ab] \(label "other"\)$/,
    );
  });
});
