import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KernelModules } from "../../../../src/init/kernel-modules.ts";
import { mountHostFolder } from "../../../../src/init/volumes/host-folder.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { RecordingSystem } from "../../../support/recording-system.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

describe("a folder of the host's", () => {
  const folder = useTemporaryFolder();
  let system: RecordingSystem;
  let tell: () => void;

  beforeEach(() => {
    system = new RecordingSystem().answer("watchUevents", (events) => {
      tell = () => events.onMessage("bind@/virtio");
      return { close: () => Promise.resolve() };
    });
    mkdirSync(join(folder.path, "sets"));
    for (const name of ["virtiofs", "9p"]) writeFileSync(join(folder.path, "sets", name), `${name}.ko\n`);
  });

  const mount = (transport: "virtiofs" | "9p", timeoutMs = 60_000): Promise<void> =>
    mountHostFolder({ kind: "host-folder", transport, tag: "tag" }, "/point", 1, {
      system,
      modules: new KernelModules(system, folder.path),
      timeoutMs,
    });

  it("is mounted by its tag, once its driver is there", async () => {
    await mount("virtiofs");
    assert.deepEqual(
      system.calls.map(({ call }) => call),
      ["loadModule", "mount"],
    );
    assert.deepEqual(system.argumentsOf("mount"), [["tag", "/point", "virtiofs", 1, null]]);
  });

  it("is tried again with each message of the kernel's until its device is there", async () => {
    let isThere = false;
    system.fail("mount", "EINVAL", () => !isThere);
    const mounted = mount("virtiofs");
    tell();
    isThere = true;
    tell();
    await mounted;
    assert.equal(system.argumentsOf("mount").length, 4);
  });

  it("is missing when its device does not come", async () => {
    system.fail("mount", "EINVAL");
    await assert.rejects(
      mount("virtiofs", 10),
      catalogueError("volume-missing", /^the machine has no folder of the host with the tag tag$/),
    );
  });

  it("needs a kernel that has its file system", async () => {
    system.fail("mount", "ENODEV").fail("mountAside", "ENODEV");
    for (const transport of ["virtiofs", "9p"] as const)
      await assert.rejects(
        mount(transport),
        catalogueError("volume-failed", new RegExp(`has no ${transport}$`)),
      );
  });
});
