import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { TetherError } from "../../../../src/protocol/errors/index.ts";
import { lendTo } from "../../../../src/hypervisor/qemu/lent-file.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

/** A machine's. */
const USER = 0x7000_0000 + 77;

describe("a file that is lent to a machine with a user of its own", () => {
  const folder = useTemporaryFolder();
  const path = (...parts: string[]): string => join(folder.path, ...parts);
  const rights = (file: string): number[] => {
    const { uid, gid, mode, nlink } = statSync(file);
    return [uid, gid, mode & 0o777, nlink];
  };

  beforeEach(() => {
    mkdirSync(path("room"), { mode: 0o700 });
    chownSync(path("room"), USER, USER);
    writeFileSync(path("file"), "text", { mode: 0o600 });
  });

  /** What the machine's user says, in its room: all that is around that is closed to it. */
  function asUser(script: string): string {
    const { stdout } = spawnSync("sh", ["-c", script], {
      ...{ cwd: path("room"), uid: USER, gid: USER, encoding: "utf8" },
    });
    return stdout;
  }

  it("can be written to until it has been opened, and then is as it was", async () => {
    const before = rights(path("file"));
    await lendTo(path("room"))(path("file"), "write", (name) => {
      asUser(`echo more >> ${name}`);
      return Promise.resolve();
    });
    assert.equal(readFileSync(path("file"), "utf8"), "textmore\n");
    assert.deepEqual(rights(path("file")), before);
    assert.deepEqual(readdirSync(path("room")), []);
  });

  it("can only be read when it is lent for that", async () => {
    const before = rights(path("file"));
    const seen = await lendTo(path("room"))(path("file"), "read", (name) =>
      Promise.resolve(asUser(`cat ${name}; echo more >> ${name}`)),
    );
    assert.equal(seen, "text");
    assert.equal(readFileSync(path("file"), "utf8"), "text");
    assert.deepEqual(rights(path("file")), before);
    assert.deepEqual(readdirSync(path("room")), []);
  });

  it("that is made is root's afterwards, and is not there when the machine could not open it", async () => {
    chmodSync(folder.path, 0o700);
    const secret = await lendTo(path("room"))(path("made"), "make", (name) =>
      Promise.resolve(asUser(`echo text > ${name}; cat ../file; ls ..`)),
    );
    assert.equal(secret, "");
    assert.equal(statSync(folder.path).mode & 0o777, 0o700);
    assert.equal(readFileSync(path("made"), "utf8"), "text\n");
    assert.deepEqual(rights(path("made")), [0, 0, 0o600, 1]);
    await assert.rejects(
      lendTo(path("room"))(path("other"), "make", (name) =>
        Promise.reject(new TetherError("hypervisor-failed", `QEMU: no ${name}`)),
      ),
      // By the name that its owner knows.
      catalogueError("hypervisor-failed", new RegExp(`^QEMU: no ${path("other")}$`)),
    );
    assert.equal(existsSync(path("other")), false);
  });

  it("on another file system is copied to be read, and refused to be written to", async () => {
    const other = `/dev/shm/lent-${process.pid}`;
    writeFileSync(other, "far", { mode: 0o600 });
    try {
      const seen = await lendTo(path("room"))(other, "read", (name) =>
        Promise.resolve(asUser(`cat ${name}`)),
      );
      assert.equal(seen, "far");
      await assert.rejects(
        lendTo(path("room"))(other, "write", () => Promise.resolve()),
        catalogueError("hypervisor-failed", /is on another file system/),
      );
      assert.deepEqual(readdirSync(path("room")), []);
    } finally {
      spawnSync("rm", [other]);
    }
  });
});
