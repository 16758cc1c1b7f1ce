import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { succeedOn } from "../support/vm-commands.ts";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { writeProgramImage } from "../support/vm-programs.ts";
import { type Answers, ask } from "../support/vm-questions.ts";

/** Through whatever the container may do as root of its VM: `mount -t virtiofs` gives what the host has to give. */
const HOSTILE = {
  single: `
    tag=$(awk '$2 == "/alone" { print $1 }' /proc/mounts)
    mkdir /m && mount -t virtiofs $tag /m && cd /m && ls -A . ..//m; cat ../sibling /m/../secret; cat file; touch new
    rm -f file; mv file other; ln -s / root; : > file/../sibling; true`,
  reopened: `
    tag=$(awk '$2 == "/closed" { print $1 }' /proc/mounts)
    mkdir /c && mount -t virtiofs -o ro $tag /c; mount -o remount,rw /c && mount -o remount,rw /closed
    cat /c/from-host; echo x > /c/from-host; echo x > /closed/from-host; rm /c/from-host; mkdir /c/made; true`,
  escape: `
    cd /shared; cat outward ../../../../secret; cat outside/secret; cat up/secret; ls up; echo "$?"
    ln -s SECRET planted; cat planted; ln planted/x linked; true`,
} as const;

const QUESTIONS = {
  read: "cat /shared/from-host /through/from-host; stat -c '%a %u:%g %s %h' /shared/from-host; readlink /shared/link",
  write: `
    cd /shared; echo guest > from-guest; chown 1234:5678 from-guest; chmod 6755 from-guest; mkdir -p made/deep
    ln from-guest hard; ln -s nowhere dangling; mkfifo pipe; touch -d '2001-02-03 04:05:06' old; mv made moved
    echo more >> appended; rm removed`,
  closed: "cat /closed/from-host; touch /closed/x; echo x > /closed/from-host; rm /closed/from-host; true",
  alone: "cat /alone; echo guest > /alone; cat /alone-closed; echo x > /alone-closed; rm /alone; true",
  nested:
    "cat /shared/volume/in-volume; echo deep > /shared/volume/new; ls /outer /outer/inner; cat /outer/inner/inside",
  many: "cd /shared/many; ls | wc -l; cat * | wc -l; for i in $(seq 1000); do echo $i > new$i; done; rm old*; ls | wc -l",
  large: "cp /shared/large /shared/copied && cmp /shared/large /shared/copied && echo same",
  kinds: "file-kinds /shared",
  inside: "grep -E ' /(shared|closed|alone|through) ' /proc/mounts | cut -d' ' -f2-4 | cut -d, -f1",
  ...HOSTILE,
} as const;

describe("a container VM with folders of this machine", function () {
  this.timeout(240_000);
  const host = useHost();
  const succeed = succeedOn(host);
  const LARGE = randomBytes(100 * 1024 * 1024);
  let image: string;

  before(async () => {
    image = await writeProgramImage(host, "file-kinds");
    writeFileSync(host.file("secret"), "secret\n");
  });

  /** A folder for one start. */
  const prepare = (name: string): string => {
    const folder = host.file(name);
    const file = (path: string, content: string | Buffer): void =>
      writeFileSync(`${folder}/${path}`, content);
    for (const each of ["many", "volume", "inner", "single"])
      mkdirSync(`${folder}/${each}`, { recursive: true });
    file("from-host", "host\n");
    chmodSync(`${folder}/from-host`, 0o640);
    for (const each of ["removed", "appended"]) file(each, "first\n");
    for (let index = 0; index < 1000; index += 1) file(`many/old${index}`, `${index}\n`);
    file("large", LARGE);
    file("inner/inside", "inside\n");
    file("single/file with, commas", "one\n");
    file("single/sibling", "sibling\n");
    for (const [link, target] of [
      ["link", "from-host"],
      ["outward", "/secret"],
      ["up", "../"],
      ["outside", host.folder],
    ] as const)
      symlinkSync(target, `${folder}/${link}`);
    symlinkSync(name, host.file(`${name}-link`));
    chmodSync(folder, 0o777);
    return folder;
  };

  for (const start of ["cold", "forked"] as const) {
    describe(start === "cold" ? "that boots" : "that goes on from a template", () => {
      let answers: Answers<keyof typeof QUESTIONS>;
      let folder: string;
      const output = (name: keyof typeof QUESTIONS): string => answers[name].output;
      const here = (path: string): string => readFileSync(`${folder}/${path}`, "utf8");
      before(async () => {
        folder = prepare(`folder ${start},comma`);
        const single = `${folder}/single/file with, commas`;
        const fill = { fill: "echo volume > /data/in-volume" };
        await ask(host, ["-v", `below-${start}:/data`, DEMO_IMAGE], fill);
        const questions = { ...QUESTIONS, escape: QUESTIONS.escape.replace("SECRET", host.file("secret")) };
        const args = [
          ...["--start", start, "--privileged", "-v", `${folder}:/shared`, "-v", `${folder}:/closed:ro`],
          ...["-v", `${single}:/alone`, "-v", `${folder}/inner/inside:/alone-closed:ro`],
          ...["-v", `${folder}-link:/through`, "-v", `below-${start}:/shared/volume`],
          ...["-v", `outer-${start}:/outer`, "-v", `${folder}/inner:/outer/inner`],
        ];
        answers = await ask(host, [...args, image], questions);
      });

      it("reads what is there, with its owner, mode and links; by a link of this machine too", () => {
        assert.equal(output("read"), "host\nhost\n640 0:0 5 1\nfrom-host\n");
      });

      it("writes what is seen here, as who it is in the container", () => {
        assert.equal(here("from-guest"), "guest\n");
        const { uid, gid, mode, nlink } = statSync(`${folder}/hard`);
        assert.deepEqual([uid, gid, mode & 0o7777, nlink], [1234, 5678, 0o6755, 2]);
        assert.ok(statSync(`${folder}/moved/deep`).isDirectory());
        assert.ok(statSync(`${folder}/pipe`).isFIFO());
        assert.equal(statSync(`${folder}/old`).mtime.getFullYear(), 2001);
        assert.equal(here("appended"), "first\nmore\n");
        assert.ok(!existsSync(`${folder}/removed`));
      });

      it("writes nothing to what is read-only", () => {
        assert.match(output("closed"), /^host\n(.*Read-only file system\n){3}$/);
      });

      it("has one file, and nothing of what is beside it", () => {
        assert.match(output("alone"), /^one\ninside\n.*Read-only file system\nrm: .*busy\n$/i);
        assert.equal(here("single/file with, commas"), "guest\n");
        assert.deepEqual(readdirSync(`${folder}/single`).sort(), ["file with, commas", "sibling"]);
        assert.equal(here("single/sibling"), "sibling\n");
      });

      it("has volumes in folders and folders in volumes", () => {
        assert.equal(output("nested"), "volume\n/outer:\ninner\n\n/outer/inner:\ninside\ninside\n");
        assert.deepEqual(readdirSync(`${folder}/volume`), []);
      });

      it("reads and writes a thousand files", () => {
        assert.equal(output("many"), "1000\n1000\n1000\n");
        assert.equal(readdirSync(`${folder}/many`).length, 1000);
        assert.equal(here("many/new777"), "777\n");
      });

      it("reads and writes 100 MB", () => {
        assert.equal(output("large"), "same\n");
        const copied = createHash("sha256")
          .update(readFileSync(`${folder}/copied`))
          .digest("hex");
        assert.equal(copied, createHash("sha256").update(LARGE).digest("hex"));
      });

      it("maps files, locks them and gives them attributes; it makes no devices here, nor files without a name", () => {
        assert.equal(
          output("kinds"),
          "mapping: works\nflock: works\nlock, waiting: works\nattribute: works\nguest\n" +
            "device: Operation not permitted\nhole: works\nunnamed: Not supported\n",
        );
        assert.equal(here("mapped"), "mapped\n");
      });

      it("mounts virtiofs where it belongs", () => {
        for (const line of [
          "/shared virtiofs rw",
          "/closed virtiofs ro",
          "/alone virtiofs rw",
          "/through virtiofs rw",
        ])
          assert.ok(output("inside").includes(`${line}\n`), line);
      });

      describe("and is hostile", () => {
        it("finds one file alone, and can change nothing but its content", () => {
          assert.match(output("single"), /^\.:\nfile\n\n\.\.\/\/m:\nfile\n/);
          assert.match(output("single"), /^guest$/m);
          assert.doesNotMatch(output("single"), /sibling\n|^secret$/m);
          assert.deepEqual(readdirSync(`${folder}/single`).sort(), ["file with, commas", "sibling"]);
        });

        it("writes nothing to what is read-only, though its own mount is not", () => {
          assert.match(output("reopened"), /^host\n/);
          assert.equal(here("from-host"), "host\n");
          assert.ok(!existsSync(`${folder}/made`));
        });

        it("follows links in its own root", () => {
          assert.doesNotMatch(output("escape"), /^secret$/m);
          assert.deepEqual(readdirSync(host.folder).sort(), ["files", "state", "tmp"]);
        });
      });
    });
  }

  describe("that goes on for a while", () => {
    let folder: string;
    const shell = (script: string): Promise<string> => succeed("exec", "it", "sh", "-c", script);
    before(async () => {
      folder = host.file("living");
      // It is made.
      const loop =
        "echo started >> /shared/starts; while [ ! -e /shared/end ]; do sleep 0.2; done; rm /shared/end; exit 3";
      const args = [
        "--name",
        "it",
        "--restart",
        "on-failure:1",
        "-v",
        `${folder}:/shared`,
        "-v",
        `${folder}:/closed:ro`,
      ];
      await succeed("run", "-d", ...args, DEMO_IMAGE, "sh", "-c", loop);
    });
    after(async () => {
      await host.run(["rm", "-f", "it"]);
      // A server ends when its QEMU has, by itself.
      while (host.processes().length > 0) await delay(5);
    });

    it("sees at once what is changed here", async () => {
      writeFileSync(`${folder}/file`, "one\n");
      assert.equal(await shell("cat /shared/file /closed/file"), "one\none\n");
      writeFileSync(`${folder}/file`, "longer\n");
      assert.equal(await shell("cat /shared/file /closed/file"), "longer\nlonger\n");
      renameSync(`${folder}/file`, `${folder}/other`);
      assert.equal(await shell("cat /shared/file 2>/dev/null || cat /shared/other"), "longer\n");
      const reader =
        "exec 3< /shared/other; echo open > /shared/ready; while [ -e /shared/ready ]; do sleep 0.1; done; cat <&3";
      const read = shell(reader);
      while (!existsSync(`${folder}/ready`)) await delay(20);
      rmSync(`${folder}/other`);
      rmSync(`${folder}/ready`);
      assert.equal(await read, "longer\n");
    });

    it("has them after its agent was killed, and with another one", async () => {
      await shell("kill -SEGV 1");
      assert.equal(await shell("echo after > /shared/after; cat /closed/after"), "after\n");
      await succeed("upgrade", "it");
      assert.equal(await shell("cat /closed/after"), "after\n");
    });

    it("has them when its process is started again, and when it is", async () => {
      writeFileSync(`${folder}/end`, "");
      while (readFileSync(`${folder}/starts`, "utf8") !== "started\nstarted\n") await delay(50);
      assert.equal(await shell("cat /closed/after"), "after\n");
      await succeed("stop", "-t", "0", "it");
      await succeed("start", "it");
      while (readFileSync(`${folder}/starts`, "utf8") !== "started\nstarted\nstarted\n") await delay(50);
      assert.equal(await shell("cat /closed/after"), "after\n");
    });

    it("tells of them as Docker does", async () => {
      const { 0: known } = JSON.parse(await succeed("inspect", "it")) as [
        { Mounts: { Destination: string }[]; HostConfig: { Binds: string[] } },
      ];
      assert.deepEqual(known.Mounts, [
        { Type: "bind", Source: folder, Destination: "/shared", Mode: "", RW: true, Propagation: "rprivate" },
        {
          Type: "bind",
          Source: folder,
          Destination: "/closed",
          Mode: "ro",
          RW: false,
          Propagation: "rprivate",
        },
      ]);
      assert.deepEqual(known.HostConfig.Binds, [`${folder}:/shared`, `${folder}:/closed:ro`]);
      assert.doesNotMatch(await succeed("volume", "ls", "-q"), /living/);
    });

    it("copies into them and out of them, whether it runs or not", async () => {
      writeFileSync(host.file("copy"), "copied\n");
      for (const name of ["running", "stopped"]) {
        if (name === "stopped") await succeed("stop", "-t", "0", "it");
        await succeed("cp", host.file("copy"), `it:/shared/${name}`);
        assert.equal(readFileSync(`${folder}/${name}`, "utf8"), "copied\n");
        await succeed("cp", `it:/closed/${name}`, host.file(`back-${name}`));
        assert.equal(readFileSync(host.file(`back-${name}`), "utf8"), "copied\n");
        const refused = await host.run(["cp", host.file("copy"), `it:/closed/${name}`]);
        assert.notEqual(refused.status, 0);
      }
    });

    it("leaves no server when its QEMU is killed", async () => {
      await succeed("start", "it");
      const pid = Number(await succeed("inspect", "-f", "{{.State.Pid}}", "it"));
      assert.ok(host.processes().length > 1);
      process.kill(pid, "SIGKILL");
      while (host.processes().length > 0) await delay(10);
    });
  });

  it("has what is mounted below, as file systems of their own, and read-only with the rest", async () => {
    const folder = host.file("mounts");
    const mounted: string[] = [];
    const mount = (name: string, ...words: string[]): void => {
      const path = join(folder, name);
      mkdirSync(path, { recursive: true });
      execFileSync("mount", [...words, path]);
      mounted.unshift(path);
    };
    try {
      mount("", "-t", "tmpfs", "outer");
      execFileSync("mount", ["--make-shared", folder]);
      mount("below one", "-t", "tmpfs", "below");
      mkdirSync(join(folder, "later"));
      const flat = `type=bind,src=${folder},dst=/flat,bind-recursive=disabled`;
      const args = ["-v", `${folder}:/all`, "-v", `${folder}:/closed:ro`, "-v", `${folder}:/slave:rslave`];
      await succeed("run", "-d", "--name", "it", ...args, "--mount", flat, DEMO_IMAGE, "sleep", "600");
      const shell = (script: string): Promise<string> =>
        succeed("exec", "it", "sh", "-c", `{ ${script}; } 2>&1`);
      const below = await shell(
        "cd '/all/below one'; echo x > x; stat -c %d . .. | uniq | wc -l; ls '/flat/below one'; touch '/closed/below one/y'; cat '/closed/below one/x'",
      );
      assert.match(below, /^2\n.*Read-only file system\nx\n$/);
      mount("later", "-t", "tmpfs", "later");
      writeFileSync(join(folder, "later/file"), "");
      assert.equal(await shell("ls /all/later; echo -; ls /slave/later"), "-\nfile\n");
    } finally {
      await host.run(["rm", "-f", "it"]);
      while (host.processes().length > 0) await delay(5);
      for (const path of mounted) execFileSync("umount", [path]);
    }
  });

  it("leaves nothing when vch is killed at any moment of its start", async () => {
    const folder = host.file("killed");
    const args = (name: string): string[] => [
      "--name",
      name,
      "-v",
      `${folder}:/shared`,
      DEMO_IMAGE,
      "sleep",
      "600",
    ];
    // With a template at hand.
    await succeed("run", "-d", ...args("first"));
    await succeed("rm", "-f", "first");
    const ended = async (): Promise<void> => {
      while (host.processes().length > 0) await delay(5);
    };
    await ended();
    for (const afterMs of [0, 10, 30, 60, 100, 200, 400]) {
      const run = host.start(["run", ...args("killed")]);
      while (!host.processes().some(isFolderServer)) await delay(5);
      await delay(afterMs);
      run.process.kill("SIGKILL");
      await run.finished;
      await succeed("rm", "-f", "killed");
      await ended();
    }
  });

  it("refuses what cannot be mounted, and says why", async () => {
    const refuse = async (args: readonly string[], reason: RegExp): Promise<void> => {
      const { status, complaints } = await host.run(["run", "--rm", ...args, DEMO_IMAGE, "true"]);
      assert.equal(status, 125);
      assert.match(complaints.join("\n"), reason);
    };
    const bind = `type=bind,src=${host.file("missing")},dst=/x`;
    await refuse(["--mount", bind], /^vch: .*bind source path does not exist: .*missing$/);
    await refuse(["--hardware", "vmware", "-v", "/etc:/x"], /--hardware vmware, which has no virtiofs/);
    const socket = createServer().listen(host.file("socket"));
    await once(socket, "listening");
    await refuse(["-v", `${host.file("socket")}:/x`], /socket is neither a folder nor a file/);
    socket.close();
    await refuse(
      ["-v", `${host.file("secret")}:/etc`],
      /^vch: volume bind@\/etc is a file, and \/etc is a folder$/m,
    );
    await refuse(["-v", `${host.file()}:/etc/passwd`], /is a folder, and \/etc\/passwd is a file$/m);
    assert.ok(!existsSync(host.file("missing")));
  });
});

/** Or what will be one. */
function isFolderServer(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("virtiofsd");
  } catch {
    // It has ended meanwhile.
    return false;
  }
}
