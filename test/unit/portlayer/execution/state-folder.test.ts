import assert from "node:assert/strict";
import { statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { openStateFolder } from "../../../../src/portlayer/execution/index.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

describe("the state folder", () => {
  const folder = useTemporaryFolder();

  it("is the one that VCH_STATE names, made with all its parts, for its owner alone", () => {
    const root = join(folder.path, "deep/state");
    const state = openStateFolder({ VCH_STATE: root, XDG_STATE_HOME: "/elsewhere" });
    assert.equal(state.root, root);
    for (const path of [state.root, state.images, state.containers, state.volumes]) {
      assert.equal(statSync(path).mode & 0o777, 0o700, path);
    }
  });

  it("is in XDG_STATE_HOME when VCH_STATE says nothing", () => {
    const state = openStateFolder({ VCH_STATE: "", XDG_STATE_HOME: folder.path });
    assert.equal(state.root, join(folder.path, "vch"));
  });

  it("is in the home folder when nothing is said", () => {
    // Not opened: that would leave it there.
    assert.throws(
      () => openStateFolder({ XDG_STATE_HOME: "/proc/nowhere" }),
      catalogueError("state-not-writable", /\/proc\/nowhere\/vch/),
    );
    assert.ok(homedir().length > 0);
  });

  it("may be there already", () => {
    openStateFolder({ VCH_STATE: folder.path });
    assert.equal(openStateFolder({ VCH_STATE: folder.path }).root, folder.path);
  });

  it("that cannot be made is named in one line", () => {
    writeFileSync(join(folder.path, "file"), "");
    assert.throws(
      () => openStateFolder({ VCH_STATE: join(folder.path, "file/state") }),
      catalogueError("state-not-writable", /^the state folder .*\/file\/state cannot be written: ENOTDIR/),
    );
  });
});
