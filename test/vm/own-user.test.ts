import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { DEMO_IMAGE, ROOT, useHost } from "../support/vm-host.ts";
import { succeedOn } from "../support/vm-commands.ts";

/** A container that runs in the background, as the host sees it. */
interface Running {
  readonly folder: string;
  readonly pid: string;
  /** Of its QEMU's process. */
  readonly status: string;
  readonly user: number;
}

describe("the QEMU of a container VM whose vch is root's", () => {
  const host = useHost();
  const vch = succeedOn(host);

  async function start(...options: readonly string[]): Promise<Running> {
    const id = (await vch("run", "-d", ...options, DEMO_IMAGE, "sleep", "1000")).trim();
    const [details] = JSON.parse(await vch("inspect", id)) as [{ readonly State: { readonly Pid: number } }];
    const pid = String(details.State.Pid);
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const user = Number(/^Uid:\t(\d+)/m.exec(status)?.[1]);
    return { folder: host.state("containers", id), pid, status, user };
  }

  /** What a QEMU's user, where QEMU works, can do with files of this machine. */
  function tryAs({ user, pid }: Running, script: string, ...files: readonly string[]): string {
    const identity = [`--reuid=${user}`, `--regid=${user}`, "--clear-groups", "--no-new-privs"];
    const words = [...identity, "sh", "-c", `for each; do ${script}; done`, "sh", ...files];
    const { stdout } = spawnSync("setpriv", words, { cwd: `/proc/${pid}/cwd`, encoding: "utf8" });
    return stdout;
  }

  describe("with another beside it", () => {
    let one: Running;
    let other: Running;

    before(async () => {
      await vch("volume", "create", "shelf");
      one = await start("-v", "shelf:/shelf");
      // Another way to start, and another one's files.
      other = await start("--start", "cold");
    });
    after(async () => {
      await vch("rm", "-f", ...host.containers());
      await vch("volume", "rm", "shelf");
    });

    it("is a user of its own without any privileges", () => {
      for (const { status, user } of [one, other]) {
        assert.ok(user > 65_535, status);
        assert.match(status, new RegExp(`^Uid:\t${user}\t${user}\t${user}\t${user}$`, "m"));
        assert.match(status, new RegExp(`^Gid:\t${user}\t${user}\t${user}\t${user}$`, "m"));
        assert.match(status, /^Groups:\s*$/m);
        for (const name of ["CapPrm", "CapEff", "CapBnd", "CapAmb"])
          assert.match(status, new RegExp(`^${name}:\t0+$`, "m"));
      }
      assert.notEqual(one.user, other.user);
    });

    it("neither reads nor writes what is another's or root's, nor its own machine's keys", () => {
      const [template = ""] = host.templates();
      const files = [
        ...readdirSync(other.folder).map((name) => join(other.folder, name)),
        join(other.folder, "machine/qmp.sock"),
        ...["disk.qcow2", "link-key", "log", "console.log"].map((name) => join(one.folder, name)),
        ...["memory", "state"].map((name) => join(template, name)),
        ...["state.db", "volumes/shelf/disk.raw", "images"].map((name) => host.state(name)),
      ];
      for (const file of files) assert.ok(statSync(file), file);
      const reach =
        'if [ -r "$each" ]; then echo "reads $each"; fi; if [ -w "$each" ]; then echo "writes $each"; fi';
      assert.equal(tryAs(one, reach, ...files), "");
      assert.equal(tryAs(one, "cat ../../*/log ../link-key; ls ..; echo tried", "once"), "tried\n");
      // What it is kept from is there: its own folder it has.
      assert.equal(tryAs(one, reach, "qmp.sock"), "reads qmp.sock\nwrites qmp.sock\n");
    });

    it("cannot write to what it only reads: its image, the memory that it was forked from, the agent", () => {
      const readOnly = ["images", "templates"].map((name) => realpathSync(host.state(name)));
      const opened = readdirSync(`/proc/${one.pid}/fd`)
        .map((name) => ({
          file: readlinkSync(`/proc/${one.pid}/fd/${name}`),
          flags: readFileSync(`/proc/${one.pid}/fdinfo/${name}`, "utf8"),
        }))
        .filter(({ file }) => [...readOnly, join(ROOT, "build")].some((each) => file.startsWith(`${each}/`)));
      assert.ok(opened.some(({ file }) => file.endsWith("/memory")));
      assert.ok(opened.some(({ file }) => file.endsWith(".qcow2")));
      for (const { file, flags } of opened) {
        // O_ACCMODE: O_RDONLY
        assert.equal(Number.parseInt(/^flags:\s*(\d+)/m.exec(flags)?.[1] ?? "3", 8) & 3, 0, file);
        assert.equal(statSync(file).mode & 0o022, 0, file);
        assert.equal(statSync(file).uid, 0, file);
      }
    });
  });
});
