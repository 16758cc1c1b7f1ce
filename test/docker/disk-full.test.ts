import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { readStatus } from "../../src/hypervisor/qemu/full-disk.ts";
import { visitQmp } from "../../src/hypervisor/qemu/qmp-visit.ts";
import { hasCode } from "../../src/protocol/errors/index.ts";
import { DOCKER } from "../support/dockerd.ts";
import { makeTar, writeOciImage } from "../support/images/index.ts";
import { Registry } from "../support/registry.ts";
import { run, type Said } from "../support/said.ts";
import { type Call, DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { Watched } from "../support/vm-watched.ts";
import { machineRoom } from "../support/machine-room.ts";

const execute = promisify(execFile);

/** For the demo image, and the disks and logs of some containers. */
const DISK_BYTES = 256 * 1024 * 1024;

/** For what the file system itself needs for a large file: the rest is filled block by block. */
const SPARED_BLOCKS = 64;

/** Between two looks at a machine. */
const LOOK_MS = 50;

describe("an endpoint whose disk is full", function () {
  this.timeout(180_000);
  let endpoint: Call | undefined;
  let isMounted = false;

  // Before the host's folder goes, and before that is looked at.
  after(async () => {
    endpoint?.process.kill("SIGTERM");
    await endpoint?.finished;
    // Of a test that has failed.
    for (const pid of host.processes()) process.kill(pid, "SIGKILL");
    if (isMounted) execFileSync("umount", ["-l", host.state()]);
  });

  const host = useHost({ sharesImages: false });

  before(async function () {
    if (process.geteuid?.() !== 0) this.skip(); // mount needs root
    const templates = readlinkSync(host.state("templates"));
    const disk = host.file("disk");
    writeFileSync(disk, "");
    execFileSync("truncate", ["-s", String(DISK_BYTES), disk]);
    execFileSync("mkfs.ext4", ["-q", "-m", "0", disk], {
      env: { ...process.env, PATH: `${process.env["PATH"]}:/sbin` },
    });
    execFileSync("mount", ["-o", "loop", disk, host.state()]);
    isMounted = true;
    symlinkSync(templates, host.state("templates"));
    mkdirSync(host.file("config"));
    endpoint = host.start(["serve", "-H", `unix://${host.file("sock")}`]);
    await endpoint.stdout.expect(/^export DOCKER_HOST/);
  });

  const environment = (): NodeJS.ProcessEnv => ({
    ...process.env,
    DOCKER_HOST: `unix://${host.file("sock")}`,
    DOCKER_CONFIG: host.file("config"),
  });
  const docker = (...words: string[]): Promise<Said> => run(DOCKER, words, environment());
  const done = async (...words: string[]): Promise<string> => {
    const { status, out, err } = await docker(...words);
    assert.equal(status, 0, `docker ${words.join(" ")}: ${err}`);
    return out.trim();
  };

  /** To its last block. */
  const fill = (): void => {
    const { bavail, bsize } = statfsSync(host.state());
    const file = host.state(`filler${bavail}-${Date.now()}`);
    if (bavail > SPARED_BLOCKS)
      execFileSync("fallocate", ["-l", String((bavail - SPARED_BLOCKS) * bsize), `${file}.most`]);
    try {
      for (;;) appendFileSync(file, Buffer.alloc(bsize));
    } catch (error) {
      assert.ok(hasCode(error, "ENOSPC"), String(error));
    }
  };
  const free = (): void => {
    for (const name of readdirSync(host.state())) if (name.startsWith("filler")) rmSync(host.state(name));
  };

  const archive = async (image: string, name: string): Promise<string> => {
    const path = host.file(`${name}.tar`);
    await execute("skopeo", ["--insecure-policy", "copy", "-q", image, `docker-archive:${path}:${name}:1`]);
    return path;
  };

  /**
   * Everything below the state folder but what changes by itself, or with each start. (A start that fails leaves its mark to
   * whoever has the container next: a commit starts a machine, too.)
   */
  const files = (): string[] =>
    readdirSync(host.state(), { recursive: true, encoding: "utf8" })
      .filter(
        (path) =>
          !/filler|\/lock\/|endpoint-lock|images-lock|\.sock$|^state\.|\/changed$|\/machine$|templates|\/starting$|\/link-key$|\/known_hosts$/.test(
            path,
          ),
      )
      .toSorted();

  it("refuses what does not fit, by its name, leaves no half of it, and goes on when there is room", async () => {
    const demo = await archive(DEMO_IMAGE, "demo");
    const layers = [[{ name: "bin/" }, { name: "bin/sh", data: Buffer.alloc(1024 * 1024, 7) }]];
    await writeOciImage(host.file("other"), { layers });
    const other = await archive(`oci:${host.file("other")}`, "other");
    mkdirSync(host.file("registry"));
    await using registry = await Registry.start(host.file("registry"));
    const remote = `${registry.host}/other:1`;
    const push = ["--insecure-policy", "copy", "-q", "--dest-tls-verify=false"];
    await execute("skopeo", [...push, `oci:${host.file("other")}`, `docker://${remote}`]);
    writeFileSync(host.file("files.tar"), makeTar(layers[0] ?? []));
    await done("load", "-i", demo);
    const network = ["--network", "none"];
    await done("create", "--name", "made", ...network, "demo:1", "echo", "made");
    const id = await done("run", "-d", "--name", "runs", ...network, "demo:1", "sleep", "1000000");

    // Its link is there before the disk is full: a machine that stands still lets nobody in.
    const script = "echo ready; read -r go; head -c 4000000 /dev/zero > /zeroes; sync; echo written";
    const writer = spawn(DOCKER, ["exec", "-i", "runs", "sh", "-c", script], {
      env: environment(),
      stdio: ["pipe", "pipe", "inherit"],
    });
    const said = new Watched(writer.stdout);
    await said.expect(/ready\n/);

    const before = files();
    for (const words of [
      ["create", "--name", "new", ...network, "demo:1", "true"],
      ["run", "--rm", ...network, "demo:1", "true"],
      ["start", "-a", "made"],
      ["load", "-i", other],
      ["pull", remote],
      ["import", host.file("files.tar"), "imported:1"],
      ["commit", "made", "committed:1"],
      ["volume", "create", "data"],
      ["rename", "made", "renamed"],
      ["tag", "demo:1", "demo:2"],
    ]) {
      // What was tried before may have given back a block.
      fill();
      const { status, err } = await docker(...words);
      assert.notEqual(status, 0, words.join(" "));
      assert.match(err, /no space left on/, words.join(" "));
      assert.deepEqual(files(), before, `docker ${words.join(" ")} has left something`);
    }

    // The guest writes what does not fit, and stands still until it does.
    const written = once(writer, "close");
    writer.stdin.end("go\n");
    const folder = machineRoom(host.state("containers", id));
    while ((await visitQmp(folder, readStatus)) !== "io-error") await pause(LOOK_MS);
    const { status, err } = await docker("top", "runs");
    assert.notEqual(status, 0);
    assert.match(err, /stands still until it can write: the disk is full/);

    free();
    assert.deepEqual(await written, [0, null]);
    assert.equal(said.text, "ready\nwritten\n");
    assert.equal(await done("start", "-a", "made"), "made");
    await done("pull", remote);
    await done("load", "-i", other);
    await done("import", host.file("files.tar"), "imported:1");
    await done("commit", "made", "committed:1");
    await done("volume", "create", "data");
    await done("volume", "rm", "data");
    await done("rm", "-f", "runs", "made");
    endpoint?.process.kill("SIGTERM");
    assert.equal((await endpoint?.finished)?.status, 0);
    // Before the disk is taken away.
    host.assertNothingLeft();
  });
});
