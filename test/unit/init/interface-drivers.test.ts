import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attachInterfaces, detachInterfaces, listInterfaces } from "../../../src/init/interface-drivers.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

describe("the driver of virtio's network cards", () => {
  const folder = useTemporaryFolder();
  const bus = (...parts: string[]): string => join(folder.path, ...parts);
  const driver = "drivers/virtio-pci";
  const read = (name: string): string => readFileSync(bus(driver, name), "utf8");

  /** PCI's folders of sysfs: controls, and links to the devices. */
  beforeEach(() => {
    mkdirSync(bus("devices"));
    mkdirSync(bus(driver), { recursive: true });
    // Each write replaces the one before in a file, and does not in sysfs.
    for (const control of ["bind", "unbind", "new_id"]) writeFileSync(bus(driver, control), "");
  });
  const addDevice = (slot: string, deviceClass: string, { hasDriver = true } = {}): void => {
    mkdirSync(bus("devices", slot));
    writeFileSync(bus("devices", slot, "class"), `${deviceClass}\n`);
    if (hasDriver) symlinkSync(`../../devices/${slot}`, bus(driver, slot));
  };

  it("lets the cards go, and no other device", () => {
    addDevice("0000:00:02.0", "0x010000");
    addDevice("0000:01:01.0", "0x020000");
    assert.deepEqual(detachInterfaces(bus()), ["0000:01:01.0"]);
    assert.deepEqual([read("unbind"), read("bind")], ["0000:01:01.0", ""]);
  });

  it("takes them back", () => {
    attachInterfaces(["0000:01:01.0"], bus());
    assert.deepEqual([read("unbind"), read("bind")], ["", "0000:01:01.0"]);
  });

  it("does nothing without a card, and without the driver", () => {
    addDevice("0000:00:02.0", "0x010000");
    assert.deepEqual(detachInterfaces(bus()), []);
    attachInterfaces([], bus());
    assert.deepEqual([read("unbind"), read("bind")], ["", ""]);
    assert.deepEqual(detachInterfaces(bus("devices")), []);
  });

  it("finds the machine's cards, whatever their driver is", () => {
    assert.deepEqual(listInterfaces(bus()), []);
    addDevice("0000:00:02.0", "0x010000");
    addDevice("0000:01:01.0", "0x020000");
    addDevice("0000:01:02.0", "0x020000", { hasDriver: false });
    assert.deepEqual([...listInterfaces(bus())].sort(), ["0000:01:01.0", "0000:01:02.0"]);
  });
});
