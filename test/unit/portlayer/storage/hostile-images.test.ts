import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";

import { ImageStore, parseImageReference } from "../../../../src/portlayer/storage/index.ts";
import { type ErrorCode, TetherError } from "../../../../src/protocol/errors/index.ts";
import {
  BREAKAGES,
  cutShort,
  flipBit,
  type ImageContent,
  makeTar,
  MountedDisk,
  nestInIndex,
  type TarEntry,
  writeDockerArchive,
  writeOciArchive,
  writeOciImage,
} from "../../../support/images/index.ts";

/** Incompressible, so that a flipped bit hits content and not padding. */
const FILLER = Buffer.from(Array.from({ length: 20_000 }, (_, i) => (i * i * 31 + (i >> 3) * 7) & 0xff));
const GOOD: ImageContent = { layers: [[{ name: "bin/" }, { name: "bin/sh", mode: 0o755, data: FILLER }]] };

describe("a hostile or broken image", function () {
  this.timeout(60_000);
  let folder: string;
  let store: ImageStore;
  before(function () {
    if (process.geteuid?.() !== 0) this.skip(); // imports need root
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "hostile-"));
    store = new ImageStore({ root: join(folder, "store") });
  });
  afterEach(async () => rm(folder, { recursive: true }));

  /** The import must fail with this code, in one line that names the image, and leave nothing behind. */
  async function refuses(reference: string, code: ErrorCode, pattern = /./): Promise<void> {
    await assert.rejects(store.acquire(parseImageReference(reference)), (error) => {
      assert(error instanceof TetherError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, pattern);
      assert(error.message.includes(reference), error.message);
      assert(!/[\n\r]/.test(error.message), error.message);
      return true;
    });
    const left = await readdir(join(folder, "store"), { recursive: true }).catch(() => []);
    assert.deepEqual(
      left.filter((name) => name !== "tmp"),
      [],
    );
  }

  async function image(content: ImageContent): Promise<string> {
    await writeOciImage(join(folder, "image"), content);
    return `oci:${folder}/image:latest`;
  }

  for (const [what, breakIt] of Object.entries(BREAKAGES)) {
    it(`is refused as corrupt when ${what}`, async () => {
      const reference = await image(GOOD);
      await breakIt(join(folder, "image"));
      await refuses(reference, "image-corrupt");
    });
  }

  for (const [form, write] of [
    ["oci-archive", writeOciArchive],
    ["docker-archive", writeDockerArchive],
  ] as const) {
    it(`is refused as corrupt when a ${form} is cut short`, async () => {
      await write(join(folder, "a.tar"), GOOD);
      await cutShort(join(folder, "a.tar"));
      await refuses(`${form}:${folder}/a.tar`, "image-corrupt");
    });
    it(`is refused as corrupt when a ${form} is garbage`, async () => {
      await writeFile(join(folder, "a.tar"), FILLER);
      await refuses(`${form}:${folder}/a.tar`, "image-corrupt");
    });
    it(`is not found when a ${form} is missing`, async () => {
      await refuses(`${form}:${folder}/missing.tar`, "image-not-found", /no such file/);
    });
    it(`is not found when a ${form} has no such tag`, async () => {
      await write(join(folder, "a.tar"), GOOD);
      await refuses(`${form}:${folder}/a.tar:other/name:tag`, "image-not-found");
    });
  }

  it("is refused as corrupt when a bit of a docker-archive's layer is flipped", async () => {
    await writeDockerArchive(join(folder, "a.tar"), GOOD);
    await flipBit(join(folder, "a.tar"));
    await refuses(`docker-archive:${folder}/a.tar`, "image-corrupt");
  });

  it("is not found when the layout is missing, is another folder, or lacks the tag", async () => {
    await refuses(`oci:${folder}/missing:latest`, "image-not-found", /is no folder/);
    await mkdir(join(folder, "other"));
    await refuses(`oci:${folder}/other`, "image-not-found", /no readable index\.json/);
    await image(GOOD);
    await refuses(`oci:${folder}/image:v2`, "image-not-found", /no tag "v2"; it has latest/);
  });

  it("is not found when its file is a device, which might have no end", async () => {
    await refuses("/dev/zero", "image-not-found", /not a regular file$/);
    await refuses(`docker-archive:${folder}`, "image-not-found", /not a regular file$/);
  });

  it("is empty without layers", async () => {
    await refuses(await image({ layers: [] }), "image-empty", /has no layers: there is nothing to run$/);
  });

  it("is refused on the wrong platform, alone or in an index", async () => {
    await refuses(await image({ ...GOOD, architecture: "arm64" }), "image-platform", /linux\/arm64/);
    const digest = await writeOciImage(join(folder, "image"), { ...GOOD, architecture: "arm64" });
    await nestInIndex(join(folder, "image"), [
      { digest, architecture: "arm64" },
      { digest, architecture: "s390x" },
    ]);
    await refuses(`oci:${folder}/image:latest`, "image-platform", /linux\/arm64, linux\/s390x/);
  });

  it("is refused when a layer is no file system", async () => {
    const reference = await image(GOOD);
    const index = JSON.parse(await readFile(join(folder, "image/index.json"), "utf8")) as {
      manifests: [{ digest: string }];
    };
    const path = join(folder, "image/blobs", ...index.manifests[0].digest.split(":"));
    const manifest = (await readFile(path, "utf8")).replace(
      "image.layer.v1.tar+gzip",
      "wasm.content.v1.wasm",
    );
    await rm(join(folder, "image"), { recursive: true });
    await writeOciImage(join(folder, "image"), GOOD);
    const digest = `sha256:${createHash("sha256").update(manifest).digest("hex")}`;
    await writeFile(join(folder, "image/blobs", ...digest.split(":")), manifest);
    const entry = {
      digest,
      size: manifest.length,
      annotations: { "org.opencontainers.image.ref.name": "latest" },
    };
    await writeFile(join(folder, "image/index.json"), JSON.stringify({ manifests: [entry] }));
    await refuses(reference, "image-corrupt", /no file system layer/);
  });

  const escapes: Readonly<Record<string, TarEntry[]>> = {
    "a file climbs out": [{ name: "../evil", data: "evil" }],
    "a file climbs out from below": [{ name: "a/../../evil", data: "evil" }],
    "an absolute name climbs out": [{ name: "/../evil", data: "evil" }],
    "a hard link's target climbs out": [{ name: "evil", type: "link", linkname: "../../../../etc/passwd" }],
    "the root becomes a link": [{ name: "./", type: "symlink", linkname: "/tmp" }],
    "a whiteout deletes the folder above": [{ name: "a/.wh...", data: "" }],
  };
  for (const [what, layer] of Object.entries(escapes)) {
    it(`is refused as unsafe, naming layer and path, when ${what}`, async () => {
      await refuses(
        await image({ layers: [[{ name: "a/" }, ...layer]] }),
        "image-unsafe",
        /^layer sha256:[0-9a-f]{64} of image .* its entry "/,
      );
    });
  }

  it("never writes through a symbolic link that leads out of the root", async () => {
    const outside = join(folder, "outside");
    await mkdir(outside);
    const layers: TarEntry[][] = [
      [
        { name: "absolute", type: "symlink", linkname: outside },
        { name: "absolute/one", data: "one" },
        { name: "relative", type: "symlink", linkname: `${"../".repeat(30)}${outside.slice(1)}` },
        { name: "etc", type: "symlink", linkname: outside },
      ],
      [
        { name: "absolute/two", data: "two" },
        { name: "relative/three", data: "three" },
        { name: "absolute/.wh.victim", data: "" },
      ],
    ];
    await writeFile(join(outside, "victim"), "alive");
    const { disk } = await store.acquire(parseImageReference(await image({ layers })));
    assert.deepEqual(await readdir(outside), ["victim"]);
    await using mounted = await MountedDisk.open(disk);
    assert.equal(await readlink(mounted.join("etc")), outside);
    assert(!existsSync(mounted.join(outside, "hosts")));
  });

  it("is refused as corrupt when a member's hard link has no target", async () => {
    await refuses(
      await image({ layers: [[{ name: "a", type: "link", linkname: "missing" }]] }),
      "image-corrupt",
    );
  });

  it("is refused before it fills the disk", async () => {
    // 3 GiB of zeros in 3 MiB would do on a small disk; here the disk is a small one.
    const small = join(folder, "small");
    await mkdir(small);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", small]);
    try {
      const bomb = gzipSync(makeTar([{ name: "zeros", data: Buffer.alloc(32 * 1024 ** 2) }]));
      await writeFile(join(folder, "bomb.tar.gz"), bomb);
      const reference = parseImageReference(join(folder, "bomb.tar.gz"));
      await assert.rejects(new ImageStore({ root: small }).acquire(reference), { code: "no-space" });
      assert.deepEqual(await readdir(small, { recursive: true }), ["tmp"]);
      // Passes the estimate, but tree and disk together do not fit.
      await writeFile(
        join(folder, "large.tar"),
        makeTar([{ name: "x", data: Buffer.alloc(3 * 1024 ** 2, "x") }]),
      );
      const large = parseImageReference(join(folder, "large.tar"));
      await assert.rejects(new ImageStore({ root: small }).acquire(large), (error) => {
        assert(error instanceof TetherError && error.code === "no-space", String(error));
        return !error.message.includes("\n");
      });
      assert.deepEqual(await readdir(small, { recursive: true }), ["tmp"]);
    } finally {
      execFileSync("umount", [small]);
    }
  });

  it("is refused as corrupt or empty when a plain tar is none", async () => {
    await writeFile(join(folder, "a.tar"), FILLER);
    await refuses(join(folder, "a.tar"), "image-corrupt");
    await writeFile(join(folder, "b.tar"), "");
    await refuses(join(folder, "b.tar"), "image-empty");
    await writeFile(join(folder, "c.tar.gz"), gzipSync(FILLER).subarray(0, 1000));
    await refuses(join(folder, "c.tar.gz"), "image-corrupt");
    const input = Buffer.concat(Array<Buffer>(50).fill(makeTar([{ name: "x", data: FILLER }])));
    const compressed = ["xz", "bzip2"].map((tool) => execFileSync(tool, ["-c"], { input }));
    for (const whole of [...compressed, zstdCompressSync(input), gzipSync(input)]) {
      await writeFile(join(folder, "d.tar"), whole.subarray(0, whole.length >> 1));
      await refuses(join(folder, "d.tar"), "image-corrupt");
    }
  });
});
