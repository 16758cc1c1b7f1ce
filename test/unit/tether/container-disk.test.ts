import assert from "node:assert/strict";
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { exportFromContainer, listContainerFiles } from "../../../src/portlayer/interaction/archive.ts";
import type { ListedFile } from "../../../src/protocol/archive-commands.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";
import { tar } from "../files/trees.ts";
import { FilesServer } from "./files-server.ts";

describe("a container's disk", function () {
  // On a machine that does several things at once.
  this.timeout(30_000);

  const folder = useTemporaryFolder();

  beforeEach(() => {
    mkdirSync(join(folder.path, "etc"));
    writeFileSync(join(folder.path, "etc/passwd"), "root:x:0:0::/:/bin/sh\n");
    chmodSync(join(folder.path, "etc/passwd"), 0o640);
    linkSync(join(folder.path, "etc/passwd"), join(folder.path, "etc/twin"));
    symlinkSync("etc", join(folder.path, "link"));
  });

  it("is exported as an archive that tar reads, without a member for its root", async () => {
    await using server = new FilesServer(folder.path);
    const guest = await server.open();
    const archive = await buffer(Readable.from(await exportFromContainer(guest)));
    const names = tar(["-t"], archive).toString().trimEnd().split("\n");
    assert.deepEqual(names.sort(), ["etc/", "etc/passwd", "etc/twin", "link"]);
    assert.match(tar(["-tv"], archive).toString(), /^-rw-r-----.* etc\/(?:passwd|twin)$/m);
    assert.match(tar(["-tv"], archive).toString(), / link -> etc$/m);
    const copy = join(folder.path, "copy");
    mkdirSync(copy);
    tar(["-x", "-C", copy], archive);
    assert.equal(readFileSync(join(copy, "etc/passwd"), "utf8"), "root:x:0:0::/:/bin/sh\n");
  });

  it("is listed over the link, however many files there are", async () => {
    for (let index = 0; index < 1000; index += 1) writeFileSync(join(folder.path, `file ${index}`), "1234");
    await using server = new FilesServer(folder.path);
    const guest = await server.open();
    const files: ListedFile[] = [];
    for await (const file of listContainerFiles(guest)) files.push(file);
    assert.equal(files.length, 1004);
    const passwd = files.find(([path]) => path === "/etc/passwd");
    assert.deepEqual(passwd?.slice(0, 5), [
      "/etc/passwd",
      0o100640,
      process.getuid?.(),
      process.getgid?.(),
      22,
    ]);
    assert.equal(files.find(([path]) => path === "/link")?.[1], 0o120777);
  });

  it("may be listed and exported in part: who breaks off leaves nothing behind", async () => {
    await using server = new FilesServer(folder.path);
    const guest = await server.open();
    for await (const [path] of listContainerFiles(guest)) {
      assert.ok(path.startsWith("/"));
      break;
    }
    // The server is done with it, and the connection goes on.
    for await (const _piece of await exportFromContainer(guest)) break;
    while (server.active > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});
