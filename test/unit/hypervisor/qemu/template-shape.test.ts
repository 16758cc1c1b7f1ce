import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MachineInterface, MachineVolume } from "../../../../src/hypervisor/index.ts";
import { describeShape, type Shape } from "../../../../src/hypervisor/qemu/template-shape.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { machineSpecification } from "../../../support/machine-specification.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const DOCUMENT = Buffer.from("be a template");

describe("the shape of a machine", () => {
  const folder = useTemporaryFolder();
  const describeMachine = (
    program: string,
    bootId = "today",
    interfaces: readonly MachineInterface[] = [],
    volumes: readonly MachineVolume[] = [],
  ): Shape => {
    for (const name of ["kernel", "initramfs", "agent"])
      writeFileSync(join(folder.path, name), "", { flag: "a" });
    const [kernel = "", initramfs = "", agentImage = ""] = ["kernel", "initramfs", "agent"].map((name) =>
      join(folder.path, name),
    );
    const machine = machineSpecification("/container", {
      boot: { from: "kernel", kernel, initramfs, agentImage },
      interfaces,
      volumes,
    });
    return describeShape(program, machine, "tcg", DOCUMENT, { bootId });
  };

  it("has nothing of the container", () => {
    const { machine, key } = describeMachine("sh");
    const { name, disk, templates } = machine;
    assert.deepEqual({ name, disk, templates }, { name: "template", disk: "", templates: undefined });
    assert.match(key, /^[0-9a-f]{32}$/);
  });

  it("has the vNICs before one that is not virtio's, with nothing of the container's", () => {
    const virtio = { id: "net0", mac: "02:00:00:00:00:07", model: "virtio-net" } as const;
    const user = { kind: "user", network: "10.0.2.0/24", forwards: [] } as const;
    const one = describeMachine("sh", "today", [{ ...virtio, backend: { kind: "tap", name: "tap0" } }]);
    const [card, ...others] = one.machine.interfaces;
    assert.deepEqual([card?.backend, others], [{ kind: "none" }, []]);
    assert.notEqual(card?.mac, virtio.mac);
    const two = [
      { ...virtio, mac: "02:00:00:00:00:08", backend: user },
      { ...virtio, id: "net1", backend: user },
    ];
    assert.equal(describeMachine("sh", "today", two.slice(0, 1)).key, one.key);
    assert.notEqual(describeMachine("sh", "today", two).key, one.key);
    const mixed = two.map((each, index) => ({
      ...each,
      model: index === 0 ? each.model : ("vmxnet3" as const),
    }));
    assert.equal(describeMachine("sh", "today", mixed).key, one.key);
    assert.notEqual(describeMachine("sh").key, one.key);
    const other = describeMachine("sh", "today", [{ ...virtio, model: "vmxnet3", backend: user }]);
    assert.equal(other.key, describeMachine("sh").key);
  });

  it("has a disk for each volume before one that is no device of its own, with nothing of the container's", () => {
    const volume = { id: "data", file: "/data", format: "raw", serial: "data", isReadOnly: false } as const;
    const own: MachineVolume = { ...volume, model: "virtio-blk" };
    const one = describeMachine("sh", "today", [], [own]);
    assert.deepEqual(
      one.machine.volumes.map(({ file, serial }) => [file, serial]),
      [["", "template-0"]],
    );
    const others: readonly MachineVolume[] = [{ ...own, file: "/other", id: "other", isReadOnly: true }];
    assert.equal(describeMachine("sh", "today", [], others).key, one.key);
    assert.notEqual(describeMachine("sh", "today", [], [own, ...others]).key, one.key);
    const behind: MachineVolume = { ...volume, id: "behind", model: "virtio-scsi" };
    assert.equal(describeMachine("sh", "today", [], [own, behind]).key, one.key);
    assert.equal(describeMachine("sh", "today", [], [behind, own]).key, describeMachine("sh").key);
  });

  it("is another once the host has booted anew: a crash may have cost parts of a template's memory", () => {
    assert.equal(describeMachine("sh").key, describeMachine("sh").key);
    assert.notEqual(describeMachine("sh").key, describeMachine("sh", "tomorrow").key);
  });

  it("is that of the program on the path", () => {
    const before = process.env["PATH"];
    try {
      for (const name of ["qemu-of-test", "other"])
        writeFileSync(join(folder.path, name), "", { mode: 0o755 });
      process.env["PATH"] = `/nowhere:${folder.path}`;
      assert.equal(
        describeMachine("qemu-of-test").key,
        describeMachine(join(folder.path, "qemu-of-test")).key,
      );
      assert.notEqual(describeMachine("qemu-of-test").key, describeMachine("other").key);
      process.env["PATH"] = "/nowhere";
      assert.throws(
        () => describeMachine("qemu-of-test"),
        catalogueError("tool-missing", /^qemu-of-test is not installed: apt-get install qemu-system-x86$/),
      );
    } finally {
      process.env["PATH"] = before;
    }
  });
});
