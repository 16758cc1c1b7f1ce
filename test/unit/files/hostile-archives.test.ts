import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";
import { archiveOf, entry, pack, tar, unpack } from "./trees.ts";

describe("hostile archives", function () {
  this.timeout(60_000);
  const folder = useTemporaryFolder();
  let root: string;
  beforeEach(() => {
    root = `${folder.path}/root`;
    mkdirSync(`${root}/target`, { recursive: true });
    writeFileSync(`${folder.path}/secret`, "secret");
  });
  const symlink = (name: string, linkTarget: string): readonly [ReturnType<typeof entry>] => [
    entry({ name, kind: "symlink", linkTarget }),
  ];
  /** Nothing but the target has changed. */
  const untouched = (): void => {
    assert.deepEqual(readdirSync(folder.path), ["root", "secret"]);
    assert.deepEqual(readdirSync(root), ["target"]);
    assert.equal(readFileSync(`${folder.path}/secret`, "utf8"), "secret");
  };

  for (const name of ["../x", "a/../../x", "./../x", "a/b/../../../x"])
    it(`put nothing outside by the name ${name}`, async () => {
      await assert.rejects(
        unpack(root, "/target", archiveOf([entry({ name }), "x"])),
        catalogueError("archive-unsafe", /leads out of the destination/),
      );
      untouched();
    });

  it("put absolute names, and names that go up and down, below the target", async () => {
    await unpack(root, "/target", archiveOf([entry({ name: "/etc/x" })], [entry({ name: "a/../b//./y" })]));
    assert.deepEqual(readdirSync(`${root}/target`, { recursive: true, encoding: "utf8" }).sort(), [
      "b",
      "b/y",
      "etc",
      "etc/x",
    ]);
    await unpack(root, "/target", archiveOf([entry({ name: "/../../z" })]));
    assert.ok(existsSync(`${root}/target/z`));
    untouched();
  });

  for (const target of ["/", "..", "../..", "/target", ".", "../../../../tmp", "sub"])
    it(`do not go through a symbolic link of their own to ${target}`, async () => {
      const archive = archiveOf(symlink("link", target), [entry({ name: "link/x" }), "x"]);
      await assert.rejects(
        unpack(root, "/target", archive),
        catalogueError("archive-unsafe", /link is a symbolic link of the archive's own making/),
      );
      assert.deepEqual(readdirSync(`${root}/target`), ["link"]);
      untouched();
    });

  it("do not go through a hard link to a symbolic link of their own", async () => {
    const archive = archiveOf(
      symlink("link", ".."),
      [entry({ name: "other", kind: "hardlink", linkTarget: "link" })],
      [entry({ name: "other/x" })],
    );
    await assert.rejects(unpack(root, "/target", archive), catalogueError("archive-unsafe"));
    untouched();
  });

  it("replace a symbolic link that is in a file's place, not what it leads to", async () => {
    symlinkSync(`${folder.path}/secret`, `${root}/target/a`);
    symlinkSync("../../secret", `${root}/target/b`);
    await unpack(
      root,
      "/target",
      archiveOf(
        [entry({ name: "a" }), "new"],
        symlink("c", "../../secret"),
        [entry({ name: "c" }), "new"],
        [entry({ name: "b" }), "new"],
      ),
    );
    for (const name of "abc") assert.equal(readFileSync(`${root}/target/${name}`, "utf8"), "new");
    untouched();
  });

  it("hard link nothing from outside", async () => {
    for (const linkTarget of ["../../secret", "../x", ""]) {
      const archive = archiveOf([entry({ name: "x", kind: "hardlink", linkTarget })]);
      await assert.rejects(unpack(root, "/target", archive), TetherError);
    }
    symlinkSync("../..", `${root}/target/up`);
    const archive = archiveOf([entry({ name: "x", kind: "hardlink", linkTarget: "up/secret" })]);
    await assert.rejects(unpack(root, "/target", archive), catalogueError("copy-impossible", /ENOENT/));
    untouched();
  });

  it("stay inside while the container swaps a folder for a link out of it", async () => {
    mkdirSync(`${folder.path}/outside`);
    // A loop in the shell of the container, as it were: d is a folder, then a link that leads out, and so on.
    const swapper = spawn(
      "sh",
      [
        "-c",
        `cd ${root}/target; mkdir -p e; ln -s ../../outside l; echo ready; while :; do mv -T e d; mv -T d e; mv -T l d; mv -T d l; done`,
      ],
      { detached: true, stdio: ["ignore", "pipe", "ignore"] },
    );
    try {
      await once(swapper.stdout, "data");
      const archive = archiveOf(
        ...Array.from({ length: 20 }, (_, index) => [entry({ name: `d/sub${index}/x` }), "x"] as const),
      );
      const ends = new Map<string, number>();
      for (const until = Date.now() + 2000; Date.now() < until; ) {
        const end = await unpack(root, "/target", archive).then(
          () => "done",
          (error: unknown) => (error instanceof TetherError ? error.code : String(error)),
        );
        ends.set(end, (ends.get(end) ?? 0) + 1);
        await pack(root, "/target/d/.").catch(() => {});
      }
      assert.deepEqual(readdirSync(`${folder.path}/outside`), [], JSON.stringify([...ends]));
    } finally {
      if (swapper.pid !== undefined) process.kill(-swapper.pid, "SIGKILL");
    }
  });

  it("are refused when they are cut off, wherever", async () => {
    const whole = archiveOf([entry({ name: "a".repeat(150) }), "x".repeat(1000)]);
    for (let length = 1; length < whole.length - 1024; length += 97) {
      if (length % 512 === 0) continue;
      await assert.rejects(
        unpack(root, "/target", whole.subarray(0, length)),
        catalogueError("archive-invalid"),
      );
    }
  });

  it("do not fill the memory with extended headers, nor with maps", async () => {
    const attributes = new Map([["user.x", Buffer.alloc(1024 * 1024 + 1)]]);
    await assert.rejects(
      unpack(root, "/target", archiveOf([entry({ name: "x", attributes })])),
      catalogueError("archive-invalid", /over 1 MiB/),
    );
    const extents = [
      { offset: 10, length: 10 },
      { offset: 5, length: 10 },
    ];
    for (const bad of [extents, [{ offset: 10, length: 100 }], [{ offset: 1, length: 20 }]])
      await assert.rejects(
        unpack(root, "/target", archiveOf([entry({ name: "x", extents: bad }), "x".repeat(20)])),
        catalogueError("archive-invalid", /pieces/),
      );
  });

  it("of any garbage end in an error of the catalogue and nothing else", async () => {
    const sound = tar([
      "-c",
      "--format=pax",
      "--xattrs",
      "-C",
      import.meta.dirname,
      "trees.ts",
      "hostile-archives.test.ts",
    ]);
    const damaged = fc
      .array(fc.tuple(fc.nat(4096), fc.nat(255)), { minLength: 1, maxLength: 20 })
      .map((changes) => {
        const archive = Buffer.from(sound);
        for (const [offset, byte] of changes) archive[offset] = byte;
        return archive;
      });
    const garbage = fc.oneof(
      damaged,
      fc.uint8Array({ maxLength: 5000 }).map((bytes) => Buffer.from(bytes)),
    );
    await fc.assert(
      fc.asyncProperty(garbage, async (archive) => {
        await unpack(root, "/target", archive).catch((error: unknown) => {
          if (!(error instanceof TetherError)) throw error;
        });
        assert.deepEqual(readdirSync(folder.path), ["root", "secret"]);
      }),
      { numRuns: 150 },
    );
  });
});
