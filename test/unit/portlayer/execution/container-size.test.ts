import assert from "node:assert/strict";
import { mkdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sizeOfContainer } from "../../../../src/portlayer/execution/container-size.ts";
import { ContainerStore, openStateFolder } from "../../../../src/portlayer/execution/index.ts";
import { containerRecord } from "../../../support/container-records.ts";
import { containerSettings } from "../../../support/container-settings.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

describe("a container's size", () => {
  const folder = useTemporaryFolder();

  it("is what its disk and its image's take, holes left out; nothing before it has one", () => {
    const state = openStateFolder({ VCH_STATE: folder.path });
    const imageDisk = join(folder.path, "image");
    writeFileSync(imageDisk, Buffer.alloc(64 * 1024, 1));
    truncateSync(imageDisk, 1024 ** 3);
    const imageBytes = statSync(imageDisk).blocks * 512;
    const record = containerRecord("a", { settings: containerSettings({ imageDisk }) });
    const own = join(state.containers, record.id);
    mkdirSync(own);
    const store = new ContainerStore(state);
    assert.deepEqual(sizeOfContainer(store, record), { writtenBytes: 0, totalBytes: imageBytes });
    writeFileSync(join(own, "disk.qcow2"), Buffer.alloc(8192, 1));
    const writtenBytes = statSync(join(own, "disk.qcow2")).blocks * 512;
    assert.ok(writtenBytes >= 8192);
    assert.deepEqual(sizeOfContainer(store, record), {
      writtenBytes,
      totalBytes: imageBytes + writtenBytes,
    });
  });
});
