import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FileSystemError, FileSystemErrors } from "../../../src/init/file-system-errors.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

describe("errors of file systems", () => {
  const folder = useTemporaryFolder();
  let errors: FileSystemErrors;
  let told: FileSystemError[];
  let wake: () => void;

  const ext4 = (disk: string, values: Readonly<Record<string, string>>): void => {
    mkdirSync(join(folder.path, "sys/fs/ext4", disk), { recursive: true });
    // The count last, as the kernel tells when all is there.
    for (const [name, value] of Object.entries(values))
      writeFileSync(join(folder.path, "sys/fs/ext4", disk, name), `${value}\n`);
  };
  const HEALTHY = { last_error_errcode: "0", last_error_func: "", errors_count: "0" };
  const node = (disk: string): string => join(folder.path, "dev", disk);
  /** Until so many have been told. */
  const until = async (count: number): Promise<void> => {
    while (told.length < count)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };

  beforeEach(() => {
    told = [];
    wake = () => {};
    mkdirSync(join(folder.path, "dev"));
    for (const disk of ["vdb", "vdc", "vdd"]) writeFileSync(node(disk), "");
    ext4("vdb", HEALTHY);
    errors = new FileSystemErrors(
      (error) => {
        told.push(error);
        wake();
      },
      { sysfs: join(folder.path, "sys"), devices: join(folder.path, "dev") },
      5,
    );
  });
  afterEach(() => errors.close());

  it("are told as the kernel counts them", async () => {
    errors.follow(["vdb"]);
    ext4("vdb", { last_error_errcode: "5", last_error_func: "ext4_lookup", errors_count: "1" });
    await until(1);
    ext4("vdb", { last_error_errcode: "2", last_error_func: "ext4_journal_check_start", errors_count: "4" });
    await until(2);
    assert.deepEqual(told, [
      { disk: "vdb", error: "EFSCORRUPTED", place: "ext4_lookup", count: 1 },
      { disk: "vdb", error: "EIO", place: "ext4_journal_check_start", count: 4 },
    ]);
  });

  it("are told once, also those from before", async () => {
    ext4("vdb", { last_error_errcode: "1", last_error_func: "trigger_test_error", errors_count: "3" });
    errors.follow(["vdb"]);
    errors.follow(["vdb", "vdc"]);
    assert.deepEqual(told, [{ disk: "vdb", error: "unknown", place: "trigger_test_error", count: 3 }]);
  });

  it("are a disk that is pulled out, whatever its file system", async () => {
    errors.follow(["vdb", "vdc", "vdd"]);
    rmSync(node("vdc"));
    await until(1);
    rmSync(node("vdb"));
    await until(2);
    assert.deepEqual(told, [
      { disk: "vdc", error: "ENODEV", place: "", count: 0 },
      { disk: "vdb", error: "ENODEV", place: "", count: 0 },
    ]);
  });

  it("are not those of a disk that is not in use any more", async () => {
    errors.follow(["vdb", "vdc"]);
    errors.follow(["vdc"]);
    rmSync(node("vdb"));
    ext4("vdb", { last_error_errcode: "2", last_error_func: "ext4_lookup", errors_count: "1" });
    rmSync(node("vdc"));
    await until(1);
    assert.deepEqual(
      told.map(({ disk }) => disk),
      ["vdc"],
    );
  });

  it("do not end the agent when a file system goes while it is watched", async () => {
    errors.follow(["vdb", "vdc"]);
    rmSync(join(folder.path, "sys/fs/ext4/vdb"), { recursive: true });
    rmSync(node("vdc"));
    await until(1);
    assert.deepEqual(
      told.map(({ disk }) => disk),
      ["vdc"],
    );
  });
});
