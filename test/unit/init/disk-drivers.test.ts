import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attachDisks, detachDisks, listTemplateDisks } from "../../../src/init/disk-drivers.ts";
import { LAYER_DISK_SERIAL, TEMPLATE_DISK_SERIAL_PREFIX } from "../../../src/protocol/link-names.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const FIRST = `${TEMPLATE_DISK_SERIAL_PREFIX}0`;
const SECOND = `${TEMPLATE_DISK_SERIAL_PREFIX}1`;

describe("the driver of the disks of a template", () => {
  const folder = useTemporaryFolder();
  const driver = (...parts: string[]): string => join(folder.path, "driver", ...parts);
  const read = (name: string): string => readFileSync(driver(name), "utf8");

  /** A folder of sysfs as a virtio driver has it: controls, and links to the module and the devices. */
  beforeEach(() => {
    mkdirSync(driver(), { recursive: true });
    for (const control of ["bind", "unbind", "uevent"]) writeFileSync(driver(control), "");
    mkdirSync(join(folder.path, "module"));
    symlinkSync("../module", driver("module"));
  });
  const addDevice = (name: string, disks: Readonly<Record<string, string>>): void => {
    const device = join(folder.path, name);
    mkdirSync(device);
    for (const [disk, serial] of Object.entries(disks)) {
      mkdirSync(join(device, "block", disk), { recursive: true });
      // The kernel pads nothing; a line's end is a driver's habit.
      writeFileSync(join(device, "block", disk, "serial"), serial);
    }
    symlinkSync(`../${name}`, driver(name));
  };

  it("lets the disk with the layer disk's serial go, whatever it is called, and no other", () => {
    addDevice("virtio0", { vda: "" });
    addDevice("virtio3", { vdz: LAYER_DISK_SERIAL });
    addDevice("virtio4", { vdb: `${LAYER_DISK_SERIAL}x` });
    assert.deepEqual(detachDisks(driver()), ["virtio3"]);
    assert.deepEqual([read("unbind"), read("bind")], ["virtio3", ""]);
  });

  it("lets those in the places of volumes go behind it, in the order of their places", () => {
    addDevice("virtio10", { vdd: SECOND });
    addDevice("virtio9", { vdc: FIRST });
    addDevice("virtio11", { vdb: `${LAYER_DISK_SERIAL}\n` });
    assert.deepEqual(listTemplateDisks(driver()), [FIRST, SECOND]);
    assert.deepEqual(detachDisks(driver()), ["virtio11", "virtio9", "virtio10"]);
  });

  it("does nothing when there is none", () => {
    addDevice("virtio0", { vda: "" });
    addDevice("virtio1", {});
    assert.deepEqual(detachDisks(driver()), []);
    assert.deepEqual([read("unbind"), read("bind")], ["", ""]);
  });

  it("takes the disks back", () => {
    attachDisks(["virtio3"], driver());
    assert.deepEqual([read("unbind"), read("bind")], ["", "virtio3"]);
  });

  it("does not pass over a kernel that refuses", () => {
    mkdirSync(driver("no"));
    assert.throws(() => attachDisks(["virtio3"], driver("no", "driver")), { code: "ENOENT" });
    assert.throws(() => detachDisks(driver("none")), { code: "ENOENT" });
  });
});
