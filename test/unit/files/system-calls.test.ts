import assert from "node:assert/strict";
import { closeSync, lstatSync, openSync, symlinkSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";
import { linux } from "../system/linux.ts";

const O_PATH = 0o10000000;
const O_NOFOLLOW = 0o400000;

describe("the system's calls for files", () => {
  const folder = useTemporaryFolder();
  const opened = <Result>(
    path: string,
    flags: number | string,
    use: (descriptor: number) => Result,
  ): Result => {
    const descriptor = openSync(path, flags);
    try {
      return use(descriptor);
    } finally {
      closeSync(descriptor);
    }
  };

  it("reads and sets extended attributes of any bytes, through O_PATH descriptors too", () => {
    const file = `${folder.path}/file`;
    writeFileSync(file, "");
    const value = Buffer.from([0, 255, 10, 61, 0]);
    opened(file, O_PATH, (descriptor) => {
      linux.setAttribute(descriptor, "user.tether", value);
      assert.ok(Buffer.from(linux.listAttributes(descriptor)).toString().split("\0").includes("user.tether"));
      assert.deepEqual(Buffer.from(linux.getAttribute(descriptor, "user.tether")), value);
      assert.throws(() => linux.getAttribute(descriptor, "user.none"), {
        code: "ENODATA",
        path: "user.none",
      });
    });
  });

  it("sets times to the nanosecond, before 1970 and of symbolic links themselves", () => {
    const link = `${folder.path}/link`;
    symlinkSync("nowhere", link);
    opened(link, O_PATH | O_NOFOLLOW, (descriptor) => {
      linux.setTimes(descriptor, 5n, 1_700_000_000_123_456_789n);
      linux.setTimes(descriptor, -1_500_000_000n, undefined);
    });
    const { atimeNs, mtimeNs } = lstatSync(link, { bigint: true });
    assert.deepEqual([atimeNs, mtimeNs], [-1_500_000_000n, 1_700_000_000_123_456_789n]);
  });

  it("makes FIFOs, and devices for those who may", () => {
    opened(folder.path, O_PATH, (directory) => {
      linux.makeNode(directory, Buffer.from("fifo"), 0o010640, 0, 0);
      assert.equal(lstatSync(`${folder.path}/fifo`).isFIFO(), true);
      assert.throws(() => linux.makeNode(directory, "fifo", 0o010640, 0, 0), {
        code: "EEXIST",
        path: "fifo",
      });
      if (process.getuid?.() !== 0) return;
      linux.makeNode(directory, "null", 0o020666, 1, 3);
      assert.equal(lstatSync(`${folder.path}/null`).rdev, 0x103);
    });
  });

  it("finds data and holes", () => {
    const file = `${folder.path}/sparse`;
    writeFileSync(file, "");
    truncateSync(file, 10 * 1024 * 1024);
    opened(file, "r+", (descriptor) => {
      writeSync(descriptor, Buffer.alloc(4096, 1), 0, 4096, 4 * 1024 * 1024);
      const data = linux.seekData(descriptor, 0);
      assert.equal(data, 4 * 1024 * 1024);
      assert.equal(linux.seekHole(descriptor, data ?? 0), 4 * 1024 * 1024 + 4096);
      assert.equal(linux.seekData(descriptor, 5 * 1024 * 1024), undefined);
    });
  });
});
