import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";

import { disksBelow, ImageStore, parseImageReference } from "../../../../src/portlayer/storage/index.ts";
import { runTool, type ToolRunner } from "../../../../src/portlayer/storage/tool-runner.ts";
import {
  type ImageContent,
  imageIdOf,
  makeTar,
  MountedDisk,
  nestInIndex,
  writeDockerArchive,
  writeOciArchive,
  writeOciImage,
} from "../../../support/images/index.ts";

const CONTENT: ImageContent = {
  layers: [
    [{ name: "bin/" }, { name: "bin/sh", mode: 0o755, data: "shell" }],
    [{ name: "etc/" }, { name: "etc/motd", data: "hello" }],
  ],
  config: {
    Entrypoint: ["/entry"],
    Cmd: ["-v"],
    Env: ["PATH=/bin", "A=b=c"],
    WorkingDir: "/work",
    User: "1000:50",
    StopSignal: "SIGQUIT",
    Labels: { maker: "test" },
    ExposedPorts: { "80/tcp": {} },
    Volumes: { "/data": {} },
    Shell: ["/bin/ash", "-c"],
    Healthcheck: { Test: ["CMD", "check"], Interval: 1_500_000_000, Timeout: 1000, Retries: 2 },
  },
};
const later = () => Date.now() + 60_000;
const noTools: ToolRunner = async (tool) => assert.fail(`${tool} was started`);

describe("ImageStore", function () {
  this.timeout(60_000);
  let folder: string;
  let root: string;
  before(function () {
    if (process.geteuid?.() !== 0) this.skip(); // imports need root
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "image-store-"));
    root = join(folder, "store");
    await chmod(folder, 0o755);
  });
  afterEach(async () => rm(folder, { recursive: true }));

  const acquire = (text: string, run?: ToolRunner) =>
    new ImageStore({ root, now: later, ...(run === undefined ? {} : { run }) }).acquire(
      parseImageReference(text),
    );
  async function layout(content: ImageContent = CONTENT): Promise<string> {
    await writeOciImage(join(folder, "image"), content);
    return `oci:${folder}/image:latest`;
  }
  const isTidy = async () => assert.deepEqual(await readdir(join(root, "tmp")), []);

  it("gives the image's configuration, and its digest as the image's id", async () => {
    await writeOciImage(join(folder, "image"), CONTENT);
    const image = await acquire(`oci:${folder}/image:latest`);
    assert.equal(image.digest, imageIdOf(CONTENT));
    assert.deepEqual(image.configuration, {
      entrypoint: ["/entry"],
      command: ["-v"],
      environment: ["PATH=/bin", "A=b=c"],
      workingDirectory: "/work",
      user: "1000:50",
      stopSignal: "SIGQUIT",
      architecture: "amd64",
      os: "linux",
      labels: { maker: "test" },
      exposedPorts: ["80/tcp"],
      volumes: ["/data"],
      shell: ["/bin/ash", "-c"],
      health: {
        test: ["CMD", "check"],
        intervalMs: 1500,
        timeoutMs: 1,
        startPeriodMs: 0,
        startIntervalMs: 0,
        retries: 2,
      },
    });
  });

  it("knows when an image was made, where it says so, and what its disk takes", async () => {
    const created = "2024-05-06T07:08:09.123456789Z";
    const known = await acquire(await layout({ ...CONTENT, created }));
    assert.equal(known.configuration.created, created);
    const taken = disksBelow(known.disk).reduce((sum, file) => sum + statSync(file).blocks * 512, 0);
    assert.equal(known.usedBytes, taken);
    assert.ok(taken < 50 * 1024 ** 2, `${taken} bytes`);
    const wrong = await acquire(await layout({ ...CONTENT, created: "yesterday" }));
    assert.equal(wrong.configuration.created, undefined);
  });

  it("reads a configuration whose lists are null or absent", async () => {
    const { configuration } = await acquire(
      await layout({ ...CONTENT, config: { Cmd: null, Env: null, Labels: null } }),
    );
    assert.deepEqual([configuration.command, configuration.entrypoint, configuration.labels], [[], [], {}]);
    assert.equal(configuration.stopSignal, undefined);
  });

  it("finds a stored image without a process and in less than 5 ms", async () => {
    const reference = parseImageReference(await layout());
    const first = await new ImageStore({ root, now: later }).acquire(reference);
    const stored = new ImageStore({ root, run: noTools, now: later });
    const times: number[] = [];
    for (let round = 0; round < 21; round += 1) {
      const start = performance.now();
      assert.deepEqual(await stored.acquire(reference), { ...first });
      times.push(performance.now() - start);
    }
    const median = times.sort((a, b) => a - b)[10] ?? Infinity;
    assert(median < 5, `${median} ms`);
  });

  const forms: Readonly<Record<string, (content: ImageContent) => Promise<string>>> = {
    "an OCI layout": layout,
    "an OCI layout's folder": async (content) => (await layout(content)).slice(4, -7),
    "an OCI layout with zstd layers": (content) => layout({ ...content, compression: "zstd" }),
    "an OCI layout with plain layers": (content) => layout({ ...content, compression: "none" }),
    "an OCI archive": async (content) => {
      await writeOciArchive(join(folder, "a.tar"), content);
      return `oci-archive:${folder}/a.tar`;
    },
    "an OCI archive with a tag": async (content) => {
      await writeOciArchive(join(folder, "a.tar"), content);
      return `oci-archive:${folder}/a.tar:latest`;
    },
    "a Docker archive": async (content) => {
      await writeDockerArchive(join(folder, "a.tar"), content);
      return `docker-archive:${folder}/a.tar`;
    },
    "a Docker archive with a name": async (content) => {
      await writeDockerArchive(join(folder, "a.tar"), content);
      return `docker-archive:${folder}/a.tar:tests/image:latest`;
    },
    "a dir: image": async (content) => {
      await runTool("skopeo", ["copy", await layout(content), `dir:${folder}/dir`], {});
      return `dir:${folder}/dir`;
    },
  };
  for (const [form, write] of Object.entries(forms)) {
    it(`imports ${form}, once`, async () => {
      const text = await write(CONTENT);
      const image = await acquire(text);
      assert.deepEqual(image.configuration.command, ["-v"]);
      // Skopeo leaves out of a Docker image what OCI does not know, when it has to convert it.
      assert.deepEqual(image.configuration.health?.test, ["CMD", "check"]);
      await using disk = await MountedDisk.open(image.disk);
      assert.equal(await readFile(disk.join("etc/motd"), "utf8"), "hello");
      assert.deepEqual(await acquire(text, form.startsWith("a dir:") ? runTool : noTools), image);
      await isTidy();
    });
  }

  const tars: Readonly<Record<string, (tar: Buffer) => Buffer>> = {
    plain: (tar) => tar,
    gzip: gzipSync,
    zstd: zstdCompressSync,
    xz: (input) => execFileSync("xz", ["-c"], { input }),
    bzip2: (input) => execFileSync("bzip2", ["-c"], { input }),
  };
  for (const [compression, compress] of Object.entries(tars)) {
    it(`imports a root file system tar (${compression}), once`, async () => {
      const file = join(folder, "root.tar");
      await writeFile(
        file,
        compress(makeTar([{ name: "./" }, { name: "./etc/" }, { name: "./etc/motd", data: "hello" }])),
      );
      const image = await acquire(file);
      assert.deepEqual([image.configuration.command, image.configuration.architecture], [[], "amd64"]);
      await using disk = await MountedDisk.open(image.disk);
      assert.equal(await readFile(disk.join("etc/motd"), "utf8"), "hello");
      assert.deepEqual(await acquire(file, noTools), image);
    });
  }

  it("takes the manifest for linux/amd64 out of an index", async () => {
    const path = join(folder, "image");
    const arm = await writeOciImage(path, { ...CONTENT, architecture: "arm64" });
    const amd = await writeOciImage(path, CONTENT);
    await nestInIndex(path, [
      { digest: arm, architecture: "arm64" },
      { digest: amd, architecture: "amd64" },
    ]);
    assert.equal((await acquire(`oci:${path}:latest`)).digest, imageIdOf(CONTENT));
  });

  it("follows a tag to its new image, and back without a process", async () => {
    const text = await layout();
    const first = await acquire(text);
    const second = await acquire(await layout({ ...CONTENT, config: {} }));
    assert.notEqual(second.digest, first.digest);
    await layout();
    assert.deepEqual(await acquire(text, noTools), first);
  });

  it("does not trust the time stamp of a file that was written just now", async () => {
    const text = await layout();
    const store = new ImageStore({ root });
    await store.acquire(parseImageReference(text));
    assert.deepEqual(await readdir(join(root, "references")).catch(() => []), []);
  });

  it("imports an image once and whole when several ask at the same time", async () => {
    const text = await layout();
    const images = await Promise.all([acquire(text), acquire(text), acquire(text)]);
    for (const image of images) assert.deepEqual(image, images[0]);
    await isTidy();
  });

  for (const at of ["skopeo", "umoci", "mke2fs", "debugfs"]) {
    it(`leaves nothing behind when aborted while ${at} runs`, async () => {
      await writeDockerArchive(join(folder, "a.tar"), CONTENT);
      const reason = new Error("interrupted");
      const abort = new AbortController();
      const run: ToolRunner = (tool, args, options) => {
        const running = runTool(tool, args, options);
        if (tool === at) abort.abort(reason);
        return running;
      };
      const store = new ImageStore({ root, run });
      await assert.rejects(
        store.acquire(parseImageReference(`docker-archive:${folder}/a.tar`), { signal: abort.signal }),
        reason,
      );
      assert.deepEqual(await readdir(root, { recursive: true }), ["tmp"]);
    });
  }

  it("leaves nothing behind when aborted while it reads layers", async () => {
    const abort = new AbortController();
    const reason = new Error("interrupted");
    const store = new ImageStore({ root });
    const onProgress = () => abort.abort(reason);
    await assert.rejects(
      store.acquire(parseImageReference(await layout()), { signal: abort.signal, onProgress }),
      reason,
    );
    assert.deepEqual(await readdir(root, { recursive: true }), ["tmp"]);
  });

  it("clears up after a process that was killed, but not under one that lives", async () => {
    const text = await layout();
    const killed = `
      import { disksBelow, ImageStore, parseImageReference } from "${import.meta.resolve("../../../../src/portlayer/storage/index.ts")}";
      await new ImageStore({ root: ${JSON.stringify(root)}, run: () => process.kill(process.pid, "SIGKILL") })
        .acquire(parseImageReference(${JSON.stringify(text)}));`;
    assert.throws(() => execFileSync(process.execPath, ["--input-type=module", "-e", killed]));
    assert.equal((await readdir(join(root, "tmp"))).length, 1);
    const [, startTime] = (await readdir(join(root, "tmp")))[0]?.split("-") ?? [];
    const alive = `1-${(await readFile("/proc/1/stat", "utf8")).split(") ")[1]?.split(" ")[19]}-abcdef`;
    const reused = `1-${startTime}-abcdef`;
    await Promise.all([alive, reused].map((name) => mkdir(join(root, "tmp", name))));
    await acquire(text);
    assert.deepEqual(await readdir(join(root, "tmp")), [alive]);
  });

  it("refuses to use a stored image that is damaged, and says what to do", async () => {
    const text = await layout();
    const { disk } = await acquire(text);
    await chmod(disk, 0o600);
    await writeFile(disk, "cut");
    await assert.rejects(acquire(text), { code: "image-corrupt", message: /is damaged: remove that folder/ });
  });

  describe("for an ordinary user", () => {
    afterEach(() => process.seteuid?.(0));

    it("gives a stored image", async () => {
      const text = await layout();
      const image = await acquire(text);
      process.seteuid?.(65534);
      assert.deepEqual(await acquire(text, noTools), image);
    });

    it("says that an import needs root, once", async () => {
      const text = await layout();
      process.seteuid?.(65534);
      const message = `unpacking image ${text} keeps its owners and device nodes only as root: run the command with sudo once`;
      await assert.rejects(acquire(text, noTools), { code: "needs-root", message });
    });
  });

  it("says which tool is missing and how to get it", async () => {
    const run: ToolRunner = (tool, args, options) =>
      runTool(tool === "umoci" ? ("umoci-that-is-not-there" as "umoci") : tool, args, options);
    await assert.rejects(acquire(await layout(), run), { code: "tool-missing", message: /^vch needs umoci/ });
    await isTidy();
  });

  it("says that its folder cannot be written", async () => {
    await writeFile(root, "a file in the place of the folder");
    await assert.rejects(acquire(await layout()), { code: "state-not-writable" });
  });
});
