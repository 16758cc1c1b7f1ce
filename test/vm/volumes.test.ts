import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { demoImageWith } from "../support/volume-image.ts";
import { type Answers, ask } from "../support/vm-questions.ts";

const QUESTIONS = {
  mounts: "grep -E ' /(data|again|closed|etc|scratch|filled|filled/inner|link-target|part|x) ' /proc/mounts",
  empty: "ls -A /data",
  write: "echo kept > /data/file && cat /again/file",
  closed: "touch /closed/file",
  scratch: "stat -c '%a %u' /scratch; df -k /scratch | tail -1; cp /bin/true /scratch/ && /scratch/true",
  filled:
    "cd /filled; stat -c '%n %a %u:%g %h %s' owned folder folder/hard folder/link setuid; readlink folder/link; cat owned",
  inner: "cat /filled/inner/deep; stat -c '%a %u:%g' /filled /filled/inner",
  link: "ls -d /link-target; touch /way/through && ls /link-target/through",
  names: "cat /etc/hostname; grep -c localhost /etc/hosts; cat /etc/passwd | head -1",
  outside: "ls -d /x/escaped; ls /container 2>&1",
} as const;

/** A capability of a file (cap_net_bind_service=ep, version 2 of linux/capability.h), and a user's own attribute. */
const CAPABILITY = Buffer.from("0100000200040000000000000000000000000000", "hex");
const ATTRIBUTES = { "user.note": "kept", "security.capability": CAPABILITY };

/** A QEMU with nothing but a disk, which it locks as one of ours does. */
const FOREIGN_WRITER = [
  ...["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-S"],
  ...["-accel", "tcg", "-m", "16M", "-qmp", "stdio", "-drive"],
];

describe("a container VM with volumes", () => {
  const host = useHost();
  let image: string;

  before(async () => {
    image = await demoImageWith(host.file("image"), [
      { name: "filled/", mode: 0o750, uid: 7, gid: 8 },
      { name: "filled/owned", mode: 0o604, uid: 1000, gid: 1001, data: "from the image\n" },
      { name: "filled/setuid", mode: 0o4755, data: "x" },
      { name: "filled/capable", mode: 0o755, data: "x", xattrs: ATTRIBUTES },
      { name: "filled/folder/", mode: 0o711 },
      { name: "filled/folder/hard", type: "link", linkname: "filled/owned" },
      { name: "filled/folder/link", type: "symlink", linkname: "/etc/passwd" },
      { name: "filled/inner/", mode: 0o700, uid: 3 },
      { name: "filled/inner/deep", data: "deep\n" },
      { name: "link-target/" },
      { name: "way", type: "symlink", linkname: "/../../link-target" },
      { name: "x/escaped/" },
      { name: "outward", type: "symlink", linkname: "../../../../x/escaped" },
    ]);
  });

  for (const start of ["cold", "forked"] as const) {
    describe(start === "cold" ? "that boots" : "that goes on from a template", () => {
      let answers: Answers<keyof typeof QUESTIONS>;
      const output = (name: keyof typeof QUESTIONS): string => answers[name].output;
      before(async function () {
        this.timeout(240_000);
        const volume = (text: string): string[] => ["-v", text.replace("@", `-${start}`)];
        const args = [
          ...["--start", start, ...volume("data@:/data"), ...volume("data@:/again")],
          ...[
            "--mount",
            `src=closed-${start},dst=/closed,ro`,
            "--tmpfs",
            "/scratch:size=2m,mode=1750,uid=9,exec",
          ],
          ...[...volume("inner@:/filled/inner"), ...volume("filled@:/filled"), ...volume("etc@:/etc")],
          ...[...volume("way@:/way"), ...volume("out@:/outward/sub")],
        ];
        answers = await ask(host, [...args, "-h", "box", image], QUESTIONS);
      });

      it("has them where they belong, with their file systems", () => {
        const mounts = output("mounts");
        assert.match(mounts, /^\/dev\/vd\w \/data ext4 rw,/m);
        assert.match(mounts, /^\/dev\/vd\w \/closed ext4 ro,/m);
        assert.match(mounts, /^tmpfs \/scratch tmpfs rw,nosuid,nodev,relatime,size=2048k,mode=1750,uid=9/m);
        assert.match(mounts, / \/filled ext4 [^\n]*\n.* \/filled\/inner ext4 /s);
      });

      it("shows no lost+found, and one volume at two places", () => {
        assert.equal(output("empty"), "");
        assert.equal(output("write"), "kept\n");
      });

      it("cannot write to what is read-only", () => {
        assert.match(output("closed"), /Read-only file system/);
      });

      it("gives memory its size, mode and options", () => {
        assert.match(output("scratch"), /^1750 9\ntmpfs +2048 /);
        assert.equal(answers.scratch.status, 0, output("scratch"));
      });

      it("fills an empty volume from the image: owners, modes, links, inner volumes from their own folder", () => {
        assert.match(output("filled"), /^owned 604 1000:1001 2 15$/m);
        assert.match(output("filled"), /^folder 711 0:0 /m);
        assert.match(output("filled"), /^folder\/hard 604 1000:1001 2 15$/m);
        assert.match(output("filled"), /^setuid 4755 /m);
        assert.match(output("filled"), /^\/etc\/passwd$/m);
        assert.match(output("filled"), /^from the image$/m);
        assert.equal(output("inner"), "deep\n750 7:8\n700 3:0\n");
      });

      it("follows links of the image inside its root only", () => {
        assert.equal(output("link"), "/link-target\n/link-target/through\n");
        assert.match(output("outside"), /^\/x\/escaped$/m);
        assert.match(output("outside"), /container: No such file/);
      });

      it("has its name files over a volume that is /etc", () => {
        assert.match(output("names"), /^box\n[1-9]\nroot:x:0:0/);
      });

      it("has files from the image with their attributes and capabilities", () => {
        const disk = host.state("volumes", `filled-${start}`, "disk.raw");
        const value = (name: string): Buffer =>
          execFileSync("/sbin/debugfs", ["-R", `ea_get -x /.tether-data/capable ${name}`, disk], {
            stdio: ["ignore", "pipe", "pipe"],
          });
        assert.match(value("user.note").toString(), /6b ?65 ?70 ?74/);
        const capability = value("security.capability")
          .toString()
          .replaceAll(/^.*=|\s/g, "");
        assert.equal(capability, CAPABILITY.toString("hex"));
      });

      it("keeps what was written", async () => {
        const questions = { kept: "cat /data/file; cat /filled/owned; ls /filled/folder" };
        const args = ["--start", start, "-v", `data-${start}:/data`, "-v", `filled-${start}:/filled`];
        const { kept } = await ask(host, [...args, DEMO_IMAGE], questions);
        assert.equal(kept.output, "kept\nfrom the image\nhard\nlink\n");
      });
    });
  }

  it("mounts a part of a volume, also one file, and says when there is none", async () => {
    const fill = {
      fill: "mkdir -p /data/a/b; echo part > /data/a/b/file; ln -s /etc/passwd /data/out; ln -s ../../a/b /data/up",
    };
    await ask(host, ["-v", "parts:/data", DEMO_IMAGE], fill);
    const mount = (path: string, target: string): string[] => [
      "--mount",
      `src=parts,dst=${target},volume-subpath=${path}`,
    ];
    const args = [...mount("a/b", "/part"), ...mount("a/b/file", "/one"), ...mount("up", "/up")];
    const { part } = await ask(host, [...args, DEMO_IMAGE], {
      part: "cat /part/file /one /up/file; ls /part",
    });
    assert.equal(part.output, "part\npart\npart\nfile\n");
    for (const path of ["nowhere", "out"]) {
      const { status, complaints } = await host.run([
        "run",
        "--rm",
        ...mount(path, "/part"),
        DEMO_IMAGE,
        "true",
      ]);
      assert.equal(status, 125);
      assert.match(complaints.join("\n"), new RegExp(`^vch: volume parts has no ${path}$`));
    }
  });

  it("refuses a second writer by the name of the first, and lets readers share", async () => {
    const first = await host.run([
      "run",
      "-d",
      "--name",
      "writer",
      "-v",
      "single:/data",
      DEMO_IMAGE,
      "sleep",
      "600",
    ]);
    assert.equal(first.status, 0, first.stderr.toString());
    try {
      const second = await host.run(["run", "--rm", "-v", "single:/data:ro", DEMO_IMAGE, "true"]);
      assert.equal(second.status, 125);
      assert.match(second.complaints.join("\n"), /volume single is in use by the running container writer/);
      const removal = await host.run(["volume", "rm", "single"]);
      assert.match(removal.complaints.join("\n"), /remove single: volume is in use - \[[0-9a-f]{64}\]/);
    } finally {
      await host.run(["rm", "-f", "writer"]);
    }
    const removal = await host.run(["volume", "rm", "single"]);
    assert.equal(removal.stdout.toString(), "single\n");
  });

  it("refuses a disk that somebody else has open, whoever that is", async () => {
    const created = await host.run(["volume", "create", "foreign"]);
    assert.equal(created.status, 0, created.stderr.toString());
    const [name = "", ...words] = FOREIGN_WRITER;
    const writer = spawn(
      name,
      [...words, `file=${host.state("volumes/foreign/disk.raw")},format=raw,if=virtio`],
      {
        stdio: ["pipe", "pipe", "inherit"],
      },
    );
    try {
      // It greets once it has opened the disk.
      await once(writer.stdout, "data");
      for (const start of ["forked", "cold"]) {
        const run = await host.run([
          "run",
          "--rm",
          "--start",
          start,
          "-v",
          "foreign:/data",
          DEMO_IMAGE,
          "true",
        ]);
        assert.equal(run.status, 125);
        assert.match(
          run.complaints.join("\n"),
          /^vch: another container VM has the disk \/.*\/foreign\/disk.raw open$/m,
        );
      }
    } finally {
      writer.kill("SIGKILL");
      await once(writer, "exit");
    }
    const free = await host.run(["run", "--rm", "-v", "foreign:/data", DEMO_IMAGE, "true"]);
    assert.equal(free.status, 0, free.stderr.toString());
  });

  it("removes volumes without a name with a container that is removed at its end", async () => {
    const before = readdirSync(host.state("volumes"));
    const { kept } = await ask(host, ["-v", "/data", DEMO_IMAGE], {
      kept: "grep ' /data ext4' /proc/mounts",
    });
    assert.equal(kept.status, 0);
    assert.deepEqual(readdirSync(host.state("volumes")), before);
  });

  it("keeps a volume and empties memory when its process is started again, and shows cp both", async function () {
    this.timeout(120_000);
    const declared = await demoImageWith(host.file("declared"), [{ name: "own/file", data: "own\n" }], {
      Volumes: { "/own": {} },
    });
    const script =
      "ls -A /scratch; echo x > /scratch/x; echo line >> /data/log; cat /own/file /data/log; exit 3";
    const args = ["--name", "again", "--restart", "on-failure:1", "--tmpfs", "/scratch", "-v", "again:/data"];
    const run = await host.run(["run", "-d", ...args, declared, "sh", "-c", script]);
    assert.equal(run.status, 0, run.stderr.toString());
    const { stdout } = await host.run(["logs", "-f", "again"]);
    assert.equal(stdout.toString(), "own\nline\nown\nline\nline\n");
    const target = host.file("copied");
    const copied = await host.run(["cp", "again:/data/log", target]);
    assert.equal(copied.status, 0, copied.stderr.toString());
    assert.equal(readFileSync(target, "utf8"), "line\nline\n");
    const inspected = await host.run(["inspect", "again"]);
    assert.match(
      inspected.stdout.toString(),
      /"Name": "again",\s+"Source": "[^"]+\/volumes\/again\/disk.raw"/,
    );
    const volumes = (): string[] => readdirSync(host.state("volumes")).filter((name) => name.length === 64);
    assert.equal(volumes().length, 1);
    await host.run(["rm", "-v", "again"]);
    assert.deepEqual(volumes(), []);
  });
});
