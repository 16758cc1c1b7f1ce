import assert from "node:assert/strict";
import { rehearsalOf } from "../../../src/tether/rehearsal.ts";

describe("the rehearsal of a template", () => {
  it("is a document in order, with a vNIC in each slot, the first one with the gateway", async () => {
    const { network } = await rehearsalOf({ slots: ["0000:01:01.0", "0000:01:02.0"], disks: [] });
    assert.deepEqual(
      network.interfaces.map(({ name, pciSlot, mac, addresses, gateways, firewall }) => [
        ...[name, pciSlot, mac, addresses, gateways],
        firewall.trust,
      ]),
      [
        ["eth0", "0000:01:01.0", undefined, ["192.0.2.2/24"], ["192.0.2.1"], "published"],
        ["eth1", "0000:01:02.0", undefined, ["192.0.2.3/24"], [], "published"],
      ],
    );
  });

  it("has a volume on each disk, and one in memory", async () => {
    const { volumes } = await rehearsalOf({ slots: [], disks: ["template-0", "template-1"] });
    assert.deepEqual(
      volumes.map(({ name, source }) => [name, source.kind]),
      [
        ["template-0-disk", "block"],
        ["template-0-memory", "tmpfs"],
        ["template-1-disk", "block"],
        ["template-1-memory", "tmpfs"],
      ],
    );
  });

  it("is a document in order without any", async () => {
    const { network, volumes, session } = await rehearsalOf({ slots: [], disks: [] });
    assert.deepEqual([network.interfaces, volumes, session.user], [[], [], "0:0"]);
  });

  it("has what its document cannot be for its name", async () => {
    await assert.rejects(
      rehearsalOf({ slots: ["nowhere"], disks: [] }),
      /^TetherError: rehearsal: interfaces\[0\]\.pci_slot /,
    );
  });
});
