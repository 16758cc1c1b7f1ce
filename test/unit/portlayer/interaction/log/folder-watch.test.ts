import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FolderWatch } from "../../../../../src/portlayer/interaction/log/index.ts";
import { useTemporaryFolder } from "../../../../support/temporary-folder.ts";

describe("whoever watches a file", () => {
  const folder = useTemporaryFolder();
  const never = new AbortController().signal;

  it("is told when it is written, and when its folder goes", async () => {
    const path = join(folder.path, "container");
    mkdirSync(path);
    using watch = new FolderWatch(join(path, "changed"));
    writeFileSync(join(path, "changed"), "");
    await watch.changed([never]);
    // Events of one write may come one after the other.
    using another = new FolderWatch(join(path, "changed"));
    renameSync(path, join(folder.path, "container.removed"));
    await another.changed([never]);
  });
});
