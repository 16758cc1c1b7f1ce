import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { debianImage, makeTar, writeDockerArchive, writeOciArchive } from "../support/images/index.ts";
import { type Finished, useHost } from "../support/vm-host.ts";
import { busyboxLayer, writeBusyboxImage } from "../support/vm-images.ts";
import { type Answers, ask } from "../support/vm-questions.ts";

describe("images", () => {
  const host = useHost();

  describe("Debian's", function () {
    const questions = {
      release: "cat /etc/os-release",
      start: `
        redis-server --save '' --daemonize yes --logfile /tmp/redis.log >/dev/null
        tries=0; until redis-cli ping 2>/dev/null; do tries=$((tries+1)); [ $tries -lt 300 ] || { cat /tmp/redis.log; exit 1; }; sleep 0.1; done`,
      set: "redis-cli set greeting 'from inside'; redis-cli get greeting",
      benchmark: "redis-benchmark -n 500 -c 5 -q -t set,get --csv",
      stop: "redis-cli shutdown nosave; tail -1 /tmp/redis.log",
      programs: "perl -e 'print 6*7, qq(\\n)'; id -un; dpkg-query -W -f '${Status}\\n' redis-server",
    } as const;
    let answers: Answers<keyof typeof questions>;
    before(async function () {
      // The first time it is made by debootstrap.
      this.timeout(600_000);
      answers = await ask(host, [await debianImage()], questions);
    });

    it("is Debian", () => {
      assert.match(answers.release.output, /^PRETTY_NAME="Debian GNU\/Linux 12 \(bookworm\)"$/m);
      assert.equal(answers.programs.output, "42\nroot\ninstall ok installed\n");
    });

    it("has a redis that answers a client", () => {
      assert.equal(answers.start.output, "PONG\n");
      assert.equal(answers.set.output, "OK\nfrom inside\n");
    });

    it("has a redis that serves thousands of requests, and stops", () => {
      assert.match(answers.benchmark.output, /^"SET","[1-9][\d.]*"/m);
      assert.match(answers.benchmark.output, /^"GET","[1-9][\d.]*"/m);
      assert.match(answers.stop.output, /bye bye/);
    });
  });

  describe("with a configuration of their own", () => {
    let image: string;
    before(async () => {
      image = await writeBusyboxImage(host.file("configured"), {
        passwd: "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/home/worker:/bin/sh\n",
        config: {
          Entrypoint: ["/bin/sh", "-c", 'echo "$@"; pwd; id -u; echo $COLOUR; echo $HOME', "name"],
          Cmd: ["from the", "image"],
          Env: ["PATH=/bin", "COLOUR=green"],
          WorkingDir: "/home/worker",
          User: "worker",
        },
      });
    });
    const lines = ({ stdout }: Finished): string[] => stdout.toString().trimEnd().split("\n");

    it("run their entrypoint with their command, environment, working directory and user", async () => {
      const result = await host.run(["run", "--rm", image]);
      assert.deepEqual(lines(result), ["from the image", "/home/worker", "1000", "green", "/home/worker"]);
    });

    it("run it with the user's command, environment, working directory and user instead", async () => {
      const result = await host.run([
        "run",
        "--rm",
        "-e",
        "COLOUR=red",
        "-w",
        "/tmp",
        "-u",
        "0",
        image,
        "mine",
      ]);
      assert.deepEqual(lines(result), ["mine", "/tmp", "0", "red", "/root"]);
    });

    it("run another entrypoint without their command", async () => {
      const result = await host.run(["run", "--rm", "--entrypoint", "echo", image, "only", "this"]);
      assert.deepEqual(lines(result), ["only this"]);
    });
  });

  it("have their files as they were made: owners, modes, attributes, links, devices", async () => {
    const image = await writeBusyboxImage(host.file("files"), {
      passwd: "worker:x:1000:1000::/home/worker:/bin/sh\n",
      entries: [
        { name: "data/" },
        { name: "data/owned", uid: 123_456, gid: 654_321, mode: 0o640, data: "owned", mtime: 1_600_000_000 },
        { name: "data/suid", mode: 0o4755, uid: 33, data: "suid" },
        { name: "data/sgid/", mode: 0o2775, gid: 50 },
        { name: "data/linked", data: "one file" },
        { name: "data/other name", type: "link", linkname: "data/linked" },
        { name: "data/dangling", type: "symlink", linkname: "/nowhere/at all" },
        { name: "data/null", type: "character", major: 1, minor: 3, mode: 0o606 },
        { name: "data/pipe", type: "fifo", mode: 0o600 },
        { name: "data/grüße\n", data: "a name" },
        {
          name: "data/busybox",
          mode: 0o755,
          data: readFileSync("/bin/busybox"),
          xattrs: { "security.capability": NET_RAW },
        },
      ],
    });
    const { files, link, device, names, capability } = await ask(host, ["-u", "worker", image], {
      files: "cd /data; stat -c '%n %u:%g %a %s %Y %h' owned suid sgid linked 'other name' null pipe",
      link: "readlink /data/dangling; [ /data/linked -ef '/data/other name' ] && echo the same file",
      device: "stat -c '%t:%T %F' /data/null /data/pipe; echo x > /data/null && cat /data/null",
      names: "cat /data/gr*",
      capability: "grep CapEff /proc/self/status; /data/busybox grep CapEff /proc/self/status",
    });
    const rows = files.output
      .trim()
      .split("\n")
      .map((line) => line.replace(/^(.*) (\d+:\d+ \d+) (\d+) (\d+) (\d+)$/, "$1|$2|$3|$4|$5").split("|"));
    assert.deepEqual(
      rows.map(([name, owner]) => `${name} ${owner}`),
      [
        "owned 123456:654321 640",
        "suid 33:0 4755",
        "sgid 0:50 2775",
        "linked 0:0 644",
        "other name 0:0 644",
        "null 0:0 606",
        "pipe 0:0 600",
      ],
    );
    assert.deepEqual(rows[0]?.slice(2), ["5", "1600000000", "1"]);
    assert.equal(rows[3]?.[4], "2");
    assert.equal(link.output, "/nowhere/at all\nthe same file\n");
    assert.match(device.output, /^1:3 character special file\n0:0 fifo\n/);
    assert.equal(names.output, "a name");
    // The file's extended attribute gives its program what its user has not.
    assert.equal(capability.output, "CapEff:\t0000000000000000\nCapEff:\t0000000000002000\n");
  });

  describe("in other forms", () => {
    const lower = [...busyboxLayer(), { name: "root/gone" }, { name: "etc/release", data: "first layer\n" }];
    const upper = [{ name: "etc/release", data: "second layer\n" }, { name: "root/.wh.gone" }];
    const content = { layers: [lower, upper], config: { Cmd: ["cat", "/etc/release"] } };

    it("run from a docker-archive", async () => {
      await writeDockerArchive(host.file("docker.tar"), content);
      await prints("second layer\n", [`docker-archive:${host.file("docker.tar")}`]);
    });

    it("run from an oci-archive, without what a later layer took away", async () => {
      await writeOciArchive(host.file("oci.tar"), content);
      await prints("second layer\n0\n", [
        `oci-archive:${host.file("oci.tar")}`,
        "sh",
        "-c",
        "cat /etc/release; ls -A /root | wc -l",
      ]);
    });

    it("run from a root file system's tar, compressed or not", async () => {
      writeFileSync(
        host.file("root.tar"),
        makeTar(busyboxLayer({ entries: [{ name: "etc/release", data: "a tar\n" }] })),
      );
      execFileSync("gzip", ["-k", host.file("root.tar")]);
      await prints("a tar\n", [host.file("root.tar.gz"), "cat", "/etc/release"]);
    });
  });

  async function prints(output: string, args: readonly string[]): Promise<void> {
    const { status, stdout, complaints } = await host.run(["run", "--rm", ...args]);
    assert.deepEqual([status, stdout.toString(), complaints], [0, output, []]);
  }
});

/** vfs_cap_data, revision 2: cap_net_raw permitted and effective (capability.h). */
const NET_RAW = Buffer.from("0100000200200000000000000000000000000000", "hex");
