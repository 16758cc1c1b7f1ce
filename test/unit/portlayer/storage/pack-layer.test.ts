import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packDisk } from "../../../../src/files/index.ts";
import { CHANGE_KINDS, packLayer } from "../../../../src/portlayer/storage/index.ts";
import { fromText } from "../../../../src/protocol/archive/index.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";
import { tar } from "../../files/trees.ts";
import { linux } from "../../system/linux.ts";

const { added, modified, deleted } = CHANGE_KINDS;

describe("a layer of a container's changes", () => {
  const folder = useTemporaryFolder();

  it("has what is new or modified, a whiteout for what is deleted, and nothing else", async () => {
    const [tree, copy] = [join(folder.path, "tree"), join(folder.path, "copy")];
    mkdirSync(join(tree, "etc/new"), { recursive: true });
    mkdirSync(copy);
    for (const name of ["etc/same", "etc/modified", "etc/new/ümlaut", "same"])
      writeFileSync(join(tree, name), `content of ${name}`);
    symlinkSync("same", join(tree, "link"));
    writeFileSync(join(tree, "sparse"), "begin");
    truncateSync(join(tree, "sparse"), 1024 ** 3);
    const changes = [
      { path: "/etc", kind: modified },
      { path: "/etc/gone", kind: deleted },
      { path: "/etc/modified", kind: modified },
      { path: "/etc/new", kind: added },
      { path: fromText("/etc/new/ümlaut"), kind: added },
      { path: "/gone", kind: deleted },
      { path: "/link", kind: added },
      { path: "/sparse", kind: added },
      // A socket is in no archive.
      { path: "/socket", kind: added },
    ];
    const pieces: Uint8Array[] = [];
    for await (const piece of packLayer(packDisk(linux, tree), changes)) pieces.push(piece);
    const layer = Buffer.concat(pieces);
    const names = tar(["-t", "--quoting-style=literal"], layer).toString().trimEnd().split("\n");
    assert.deepEqual(names.sort(), [
      ".wh.gone",
      "etc/",
      "etc/.wh.gone",
      "etc/modified",
      "etc/new/",
      "etc/new/ümlaut",
      "link",
      "sparse",
    ]);
    tar(["-x", "-C", copy], layer);
    assert.equal(readFileSync(join(copy, "etc/modified"), "utf8"), "content of etc/modified");
    assert.ok(layer.length < 1024 * 1024, "its holes were packed");
  });
});
