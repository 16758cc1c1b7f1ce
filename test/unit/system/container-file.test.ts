import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { readContainerFile } from "../../../src/system/container-file.ts";
import { nativeSystem } from "../../support/native-system.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const MEBIBYTE = 1024 * 1024;

describe("a file of the container", () => {
  const folder = useTemporaryFolder();
  let root: number;
  beforeEach(() => {
    writeFileSync(join(folder.path, "secret"), "the host's");
    mkdirSync(join(folder.path, "root/etc"), { recursive: true });
    root = openSync(join(folder.path, "root"), "r");
  });
  afterEach(() => closeSync(root));

  const passwd = (): string => join(folder.path, "root/etc/passwd");
  const read = (): string | undefined => readContainerFile(nativeSystem(), root, "/etc/passwd");

  it("is read as text", () => {
    writeFileSync(passwd(), "root:x:0:0::/root:/bin/sh\nö:x:1:1::/:\n");
    assert.equal(read(), "root:x:0:0::/root:/bin/sh\nö:x:1:1::/:\n");
  });

  it("may be empty, or not there at all", () => {
    assert.equal(read(), undefined);
    writeFileSync(passwd(), "");
    assert.equal(read(), "");
  });

  it("is found through links that stay in the container, absolute ones too", () => {
    writeFileSync(join(folder.path, "root/users"), "inside");
    symlinkSync("/users", passwd());
    assert.equal(read(), "inside");
  });

  it("is never the host's, whichever way a link points out", () => {
    const ways = [
      "../../secret",
      "/../secret",
      join(folder.path, "secret"),
      "../../../../../../../etc/passwd",
    ];
    for (const [index, target] of ways.entries()) {
      const path = `/etc/passwd${index}`;
      symlinkSync(target, join(folder.path, "root", path));
      const content = readContainerFile(nativeSystem(), root, path);
      assert.equal(content, undefined, target);
    }
  });

  it("is not followed through /proc's links, which lead anywhere", () => {
    const inside = openSync("/", "r");
    try {
      assert.equal(readContainerFile(nativeSystem(), inside, "/proc/self/root/etc/passwd"), undefined);
    } finally {
      closeSync(inside);
    }
  });

  it("counts as absent when it is a folder, a FIFO, a socket, a loop, or below a file", async () => {
    mkdirSync(passwd());
    assert.equal(read(), undefined);
    const others = join(folder.path, "root/others");
    mkdirSync(others);
    execFileSync("mkfifo", [join(others, "fifo")]);
    symlinkSync("loop", join(others, "loop"));
    writeFileSync(join(others, "file"), "text");
    const server = createServer().listen(join(others, "socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    try {
      for (const name of ["fifo", "socket", "loop", "file/below"]) {
        assert.equal(readContainerFile(nativeSystem(), root, `/others/${name}`), undefined, name);
      }
    } finally {
      server.close();
    }
  });

  it("counts as absent when it is an endless device", () => {
    const top = openSync("/", "r");
    try {
      assert.equal(readContainerFile(nativeSystem(), top, "/dev/zero"), undefined);
    } finally {
      closeSync(top);
    }
  });

  it("is read up to a mebibyte, however large it is", () => {
    writeFileSync(passwd(), "x");
    truncateSync(passwd(), 2 ** 40);
    assert.equal(read()?.length, MEBIBYTE);
  });

  it("is closed again", () => {
    writeFileSync(passwd(), "x");
    const before = readdirSync("/proc/self/fd").length;
    for (let count = 0; count < 5; count++) {
      read();
      readContainerFile(nativeSystem(), root, "/etc");
    }
    assert.equal(readdirSync("/proc/self/fd").length, before);
  });
});
