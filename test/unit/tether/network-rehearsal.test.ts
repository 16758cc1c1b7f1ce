import assert from "node:assert/strict";
import { rehearsalOf } from "../../../src/tether/network-rehearsal.ts";

describe("the rehearsal of a template's network", () => {
  it("is a document in order, with a vNIC in each slot, the first one with the gateway", async () => {
    const { interfaces } = await rehearsalOf(["0000:01:01.0", "0000:01:02.0"]);
    assert.deepEqual(
      interfaces.map(({ name, pciSlot, mac, addresses, gateways, firewall }) => [
        ...[name, pciSlot, mac, addresses, gateways],
        firewall.trust,
      ]),
      [
        ["eth0", "0000:01:01.0", undefined, ["192.0.2.2/24"], ["192.0.2.1"], "published"],
        ["eth1", "0000:01:02.0", undefined, ["192.0.2.3/24"], [], "published"],
      ],
    );
  });

  it("has what its document cannot be for its name", async () => {
    await assert.rejects(rehearsalOf(["nowhere"]), /^TetherError: rehearsal: interfaces\[0\]\.pci_slot /);
  });
});
