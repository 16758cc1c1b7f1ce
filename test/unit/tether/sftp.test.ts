import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { FileAccess } from "../../../src/files/index.ts";
import { SftpServer } from "../../../src/tether/sftp-server.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";
import { withRoot } from "../files/trees.ts";
import { FilesServer } from "./files-server.ts";

describe("SFTP, with OpenSSH's clients as judges", function () {
  this.timeout(60_000);
  const folder = useTemporaryFolder();
  let root: string;
  let local: string;
  let server: FilesServer;
  beforeEach(() => {
    [root, local] = [`${folder.path}/root`, `${folder.path}/local`];
    mkdirSync(`${root}/etc`, { recursive: true });
    mkdirSync(local);
    writeFileSync(
      `${root}/etc/passwd`,
      "root:x:0:0:root:/home/of root:/bin/sh\nannie:x:1234:99::/:/bin/sh\n",
    );
    writeFileSync(`${root}/etc/group`, "root:x:0:\n");
    server = new FilesServer(root);
  });
  afterEach(() => server[Symbol.asyncDispose]());
  const sftp = async (...commands: readonly string[]): Promise<string> => {
    const { status, output, errorOutput } = await server.run(
      "sftp",
      ["-b", "-", "guest"],
      commands.join("\n"),
    );
    assert.equal(status, 0, errorOutput);
    return output;
  };

  it("puts and gets files of any size, byte for byte, with modes and times", async () => {
    for (const size of [0, 1, 32768, 5_000_003]) {
      const content = randomBytes(size);
      writeFileSync(`${local}/f`, content, { mode: 0o600 });
      execFileSync("touch", ["-d", "2010-01-01 00:00:00 UTC", `${local}/f`]);
      await sftp(`put -p ${local}/f /f${size}`, `get -p /f${size} ${local}/back`);
      assert.ok(readFileSync(`${root}/f${size}`).equals(content));
      assert.ok(readFileSync(`${local}/back`).equals(content));
      for (const file of [`${root}/f${size}`, `${local}/back`])
        assert.deepEqual([statSync(file).mode & 0o777, statSync(file).mtimeMs], [0o600, 1_262_304_000_000]);
    }
  });

  it("copies trees with scp, both ways", async () => {
    mkdirSync(`${local}/tree/sub dir`, { recursive: true });
    for (let index = 0; index < 150; index++) writeFileSync(`${local}/tree/sub dir/${index} ü`, `${index}`);
    const there = await server.run("scp", ["-r", "-p", `${local}/tree`, "guest:/put"]);
    assert.equal(there.status, 0, there.errorOutput);
    const back = await server.run("scp", ["-r", "-p", "guest:/put", `${local}/back`]);
    assert.equal(back.status, 0, back.errorOutput);
    execFileSync("diff", ["-r", `${local}/tree`, `${local}/back`]);
  });

  it("lists folders with the container's own names for ids", async function () {
    writeFileSync(`${root}/file`, "12345", { mode: 0o4755 });
    if (process.getuid?.() === 0) execFileSync("chown", ["1234:77", `${root}/file`]);
    execFileSync("chmod", ["4755", `${root}/file`]);
    symlinkSync("file", `${root}/link`);
    mkdirSync(`${root}/many`);
    for (let index = 0; index < 250; index++) writeFileSync(`${root}/many/${index}`, "");
    const listing = await sftp("ls -la /", "ls -1 /many");
    assert.match(listing, /^drwxr-xr-x\s+\S+ root\s+\S+\s+\d+ .* \/etc$/m);
    if (process.getuid?.() === 0) assert.match(listing, /^-rwsr-xr-x\s+\S+ annie\s+77\s+5 .* \/file$/m);
    assert.match(listing, /^lrwxrwxrwx.* \/link$/m);
    assert.equal(listing.match(/^\/many\/\d+$/gm)?.length, 250);
  });

  it("changes names, links, modes, owners, folders", async () => {
    writeFileSync(`${local}/f`, "x");
    await sftp(
      "mkdir /d",
      `put ${local}/f /d/a`,
      "rename /d/a /d/b",
      "symlink b /d/s",
      "ln /d/b /d/h",
      "chmod 4711 /d/b",
      "chown 77 /d/b",
      "chgrp 78 /d/b",
      "chown -h 79 /d/s",
      "mkdir /d/e",
      "rmdir /d/e",
      "cd /d",
      "rm h",
      "df -h /",
    );
    const { mode, uid, gid } = statSync(`${root}/d/b`);
    assert.deepEqual([uid, gid, lstatSync(`${root}/d/s`).uid], [77, 78, 79]);
    // A later change of the owner takes the bit away again, as everywhere.
    assert.equal(mode & 0o777, 0o711);
    assert.equal(readlinkSync(`${root}/d/s`), "b");
    assert.deepEqual(readdirSync(`${root}/d`), ["b", "s"]);
  });

  it("continues what was broken off, and takes ~ for root's home", async () => {
    mkdirSync(`${root}/home/of root`, { recursive: true });
    const content = randomBytes(300_000);
    writeFileSync(`${local}/f`, content);
    writeFileSync(`${root}/f`, content.subarray(0, 100_000));
    await sftp(`reput ${local}/f /f`);
    assert.ok(readFileSync(`${root}/f`).equals(content));
    const { status, errorOutput } = await server.run("scp", [`${local}/f`, "guest:~/x"]);
    assert.equal(status, 0, errorOutput);
    assert.ok(existsSync(`${root}/home/of root/x`));
  });

  it("says why not", async () => {
    symlinkSync("loop", `${root}/loop`);
    execFileSync("mkfifo", [`${root}/fifo`]);
    writeFileSync(`${root}/file`, "");
    const refused = async (command: string): Promise<string> =>
      (await server.run("sftp", ["-b", "-", "guest"], command)).errorOutput;
    assert.match(await refused("get /none"), /not found|No such file/);
    assert.match(await refused("rm /etc"), /Failure|EISDIR/i);
    assert.match(await refused(`get /fifo ${local}/x`), /not a regular file|Failure|EINVAL/i);
    assert.match(await refused("rmdir /etc"), /Failure|ENOTEMPTY/i);
    assert.match(await refused("ls /loop/x"), /No such file|not found/i);
    assert.match(await refused("ln /none /x"), /No such file|not found/i);
  });

  it("leads nowhere out of the container's root", async () => {
    writeFileSync(`${folder.path}/secret`, "secret");
    symlinkSync(`${folder.path}/secret`, `${root}/absolute`);
    symlinkSync("../secret", `${root}/relative`);
    symlinkSync("..", `${root}/up`);
    const output = await server.run(
      "sftp",
      ["-b", "-", "guest"],
      [
        `-get /absolute ${local}/a`,
        `-get /relative ${local}/b`,
        `-get /up/secret ${local}/c`,
        `-get /../../secret ${local}/d`,
        `-put ${local}/../secret /up/put`,
        `-put ${local}/../secret /relative`,
        "-rm /up/../../secret",
        "cd /up/..",
        "pwd",
      ].join("\n"),
    );
    assert.match(output.output, /Remote working directory: \/$/m);
    assert.deepEqual(readdirSync(local), []);
    assert.deepEqual(readdirSync(folder.path).sort(), ["local", "root", "secret"]);
    assert.equal(readFileSync(`${root}/put`, "utf8"), "secret");
    // Put and removed within, as the container itself would have it.
    assert.ok(!existsSync(`${root}/secret`));
  });

  it("keeps nothing open when a client goes, and opens a bounded number", async () => {
    writeFileSync(`${root}/f`, "x");
    const before = readdirSync("/proc/self/fd").length;
    await withRoot(root, async (container) => {
      const sftpServer = new SftpServer(new FileAccess(container));
      const replies = [];
      for (let index = 0; index < 200; index++)
        replies.push(await sftpServer.answer(openRequest(index, "/f")));
      assert.equal(replies.filter((reply) => reply[4] === 102).length, 128);
      sftpServer.close();
    });
    assert.equal(readdirSync("/proc/self/fd").length, before);
  });

  it("answers garbage with a status, or not at all", async () => {
    await withRoot(root, async (container) => {
      const sftpServer = new SftpServer(new FileAccess(container));
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 255 }),
          fc.uint8Array({ minLength: 4, maxLength: 100 }),
          async (type, rest) => {
            const reply = await sftpServer.answer(Buffer.from([type, ...rest]));
            assert.equal(reply.readUInt32BE(), reply.length - 4);
          },
        ),
        { numRuns: 1000 },
      );
      sftpServer.close();
    });
  });
});

function openRequest(id: number, path: string): Buffer {
  const request = Buffer.alloc(1 + 4 + 4 + path.length + 8);
  request[0] = 3;
  request.writeUInt32BE(id, 1);
  request.writeUInt32BE(path.length, 5);
  request.write(path, 9);
  request.writeUInt32BE(1, 9 + path.length);
  return request;
}
