import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { readSuperblock } from "../../../../../src/init/superblock.ts";
import { contentOf, VolumeStore } from "../../../../../src/portlayer/storage/index.ts";
import { catalogueError } from "../../../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../../../support/temporary-folder.ts";

describe("the volumes of a state folder", () => {
  const folder = useTemporaryFolder();
  const wanted = (name: string | undefined, type: string) => ({
    ...{ name, labels: { a: "b" }, options: { type }, isAnonymous: name === undefined },
    content: contentOf({ type, size: String(320 * 1024 ** 2) }, Number),
  });

  for (const type of ["ext4", "xfs"])
    it(`are disks with ${type}, sparse and in order, that the guest knows`, async () => {
      const store = new VolumeStore(folder.path);
      const record = await store.create(wanted("data-of-mine", type));
      const disk = store.diskOf(record);
      const { fileSystem, label, uuid } = readSuperblock(disk) ?? {};
      assert.deepEqual([fileSystem, label], [type, "data-of-mine"]);
      assert.match(uuid ?? "", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      const blkid = execFileSync("/sbin/blkid", ["-o", "value", "-s", "UUID", disk], { encoding: "utf8" });
      assert.equal(uuid, blkid.trim());
      assert.equal(statSync(disk).size, 320 * 1024 ** 2);
      assert.ok(store.usedBytes(record) < 80 * 1024 ** 2, String(store.usedBytes(record)));
      if (type === "ext4") execFileSync("/sbin/e2fsck", ["-fn", disk], { stdio: "ignore" });
    });

  it("are made once, though two want them at the same time, and leave nothing when they go", async () => {
    const [one, other] = [new VolumeStore(folder.path), new VolumeStore(folder.path)];
    const made = await Promise.all([
      one.create(wanted("both", "ext4")),
      other.create(wanted("both", "ext4")),
    ]);
    assert.deepEqual(made[0], made[1]);
    assert.deepEqual(
      one.list().map(({ name }) => name),
      ["both"],
    );
    one.remove("both");
    other.remove("both");
    assert.deepEqual(readdirSync(folder.path), []);
    assert.throws(() => one.find("both"), catalogueError("no-such-volume", /^get both: no such volume$/));
  });

  it("have names that lead nowhere else", async () => {
    const store = new VolumeStore(folder.path);
    for (const name of ["../x", ".x", "a/b", ""])
      await assert.rejects(
        store.create(wanted(name, "ext4")),
        catalogueError("invalid-option", /invalid characters/),
      );
    await assert.rejects(store.create(wanted("x", "ext4")), catalogueError("invalid-option", /too short/));
    assert.deepEqual(readdirSync(folder.path), []);
  });
});
