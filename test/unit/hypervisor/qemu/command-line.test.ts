import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type MachineMemory, qemuArguments } from "../../../../src/hypervisor/qemu/command-line.ts";
import type {
  MachineInterface,
  MachineSpecification,
  MachineVolume,
} from "../../../../src/hypervisor/index.ts";
import { templateVolumes } from "../../../../src/hypervisor/qemu/template-volumes.ts";
import { LAYER_DISK_SERIAL } from "../../../../src/protocol/link-names.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { machineSpecification } from "../../../support/machine-specification.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

/** The values of an option, in order. */
function valuesOf(args: readonly string[], option: string): string[] {
  return args.flatMap((arg, index) => (args[index - 1] === option ? [arg] : []));
}

const HARDWARES = ["virtio", "vmware"] as const;
const BOOTS = [
  machineSpecification("/m").boot,
  { from: "iso", iso: "/boot/tether.iso", firmware: "bios" },
  { from: "iso", iso: "/boot/tether.iso", firmware: "uefi" },
] as const;

describe("a container's disk", () => {
  const folder = useTemporaryFolder();

  it("stands on its image, whatever a QEMU that was taken over has written into its file", () => {
    const [image = "", secret = "", disk = ""] = ["image", "secret", "disk.qcow2"].map((name) =>
      join(folder.path, name),
    );
    writeFileSync(image, "of the image".padEnd(65_536));
    writeFileSync(secret, "of this host".padEnd(65_536));
    const diskLayers = [{ file: image, format: "raw" }] as const;
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", secret, disk]);
    const args = qemuArguments(machineSpecification(folder.path, { diskLayers }), "tcg");
    const drive = valuesOf(args, "-drive").find((value) => value.includes("id=container")) ?? "";
    const options = drive
      .replace(/^if=none,id=container,format=/, "driver=")
      .replace(",file=", ",file.filename=");
    const said = execFileSync("qemu-io", ["--image-opts", options, "-c", "read -v 0 16"], {
      encoding: "utf8",
    });
    assert.match(said, /of\.the\.image/);
  });
});

describe("QEMU's command line", () => {
  it("doubles commas in every path and name, so that none can add an option", () => {
    const folder = "/state/a,b,file=c";
    const args = qemuArguments(
      machineSpecification(folder, {
        name: "n,process=x",
        boot: { from: "kernel", kernel: "/k", initramfs: "/i", agentImage: "/agent,readonly=off" },
      }),
      "tcg",
    );
    const escaped = "/state/a,,b,,file=c";
    assert.ok(valuesOf(args, "-drive").some((value) => value.endsWith(`file=${escaped}/disk.qcow2`)));
    assert.ok(valuesOf(args, "-drive").some((value) => value.endsWith("file=/agent,,readonly=off")));
    assert.deepEqual(valuesOf(args, "-fw_cfg"), [`name=opt/tether/config,file=${escaped}/config`]);
    assert.ok(valuesOf(args, "-chardev").includes(`file,id=log,path=${escaped}/log,append=on`));
    assert.equal(valuesOf(args, "-name")[0], "n,,process=x,process=container-vm");
    const iso = qemuArguments(
      machineSpecification("/m", { boot: { from: "iso", iso: "/a,b.iso", firmware: "bios" } }),
      "tcg",
    );
    assert.ok(valuesOf(iso, "-drive").some((value) => value.endsWith("file=/a,,b.iso")));
  });

  it("gives the guest the agent's image read-only, whatever it boots from", () => {
    for (const boot of BOOTS) {
      const drives = valuesOf(qemuArguments(machineSpecification("/m", { boot }), "tcg"), "-drive");
      const medium = drives.find((value) => value.includes("agent.erofs") || value.includes("tether.iso"));
      assert.match(medium ?? "", /,read-only=on,/);
    }
  });

  it("gives the kernel its words only when it is not the ISO that does", () => {
    assert.deepEqual(valuesOf(qemuArguments(machineSpecification("/m"), "tcg"), "-append"), [
      "console=ttyS0 quiet",
    ]);
    assert.deepEqual(
      valuesOf(qemuArguments(machineSpecification("/m", { boot: BOOTS[1] }), "tcg"), "-append"),
      [],
    );
  });

  it("has firmware of its own kind for UEFI, whose code the guest cannot change", () => {
    const flash = (boot: (typeof BOOTS)[number]): string[] =>
      valuesOf(qemuArguments(machineSpecification("/m", { boot }), "tcg"), "-drive").filter((value) =>
        value.includes("pflash"),
      );
    assert.deepEqual(flash(BOOTS[1]), []);
    assert.match(flash(BOOTS[2])[0] ?? "", /unit=0,read-only=on,file=.*OVMF_CODE/);
    assert.equal(flash(BOOTS[2]).length, 2);
  });

  it("puts the container's disk on the bus of the hardware", () => {
    const devices = (hardware: (typeof HARDWARES)[number]): string[] =>
      valuesOf(qemuArguments(machineSpecification("/m", { hardware }), "tcg"), "-device");
    assert.ok(devices("virtio").some((value) => /^virtio-blk-pci,.*drive=container/.test(value)));
    assert.ok(devices("vmware").some((value) => value.startsWith("pvscsi")));
    assert.ok(devices("vmware").some((value) => /^scsi-hd,.*drive=container/.test(value)));
    for (const hardware of HARDWARES) {
      assert.ok(
        devices(hardware).some((value) => value.includes("name=tether.link")),
        hardware,
      );
      assert.ok(
        devices(hardware).some((value) => value.includes("name=tether.log")),
        hardware,
      );
    }
  });

  it("has memory in whole mebibytes, CPUs and the accelerator that were asked for", () => {
    const args = qemuArguments(
      machineSpecification("/m", { memoryBytes: 128 * 1024 * 1024 + 5, cpus: 3 }),
      "kvm",
    );
    assert.deepEqual(
      [valuesOf(args, "-m"), valuesOf(args, "-smp"), valuesOf(args, "-accel")],
      [["128M"], ["3"], ["kvm"]],
    );
  });

  it("emulates all processors in one thread: with a thread each the kernel's patches of its own code are lost", () => {
    const args = qemuArguments(machineSpecification("/m", { cpus: 2 }), "tcg");
    assert.deepEqual(valuesOf(args, "-accel"), ["tcg,thread=single"]);
    assert.deepEqual(valuesOf(args, "-global"), ["virtio-blk-device.num-queues=1"]);
  });

  it("has nothing that a user's configuration, a display or a network would add", () => {
    for (const hardware of HARDWARES) {
      const args = qemuArguments(machineSpecification("/m", { hardware }), "tcg");
      for (const option of ["-nodefaults", "-no-user-config", "-no-reboot", "-sandbox"])
        assert.ok(args.includes(option), option);
      assert.deepEqual(valuesOf(args, "-display"), ["none"]);
      assert.ok(!args.some((arg) => /^-(netdev|nic|net|vnc|monitor|daemonize)$/.test(arg)));
    }
  });

  it("has its vNICs at fixed places, each with its back end; a fork has those of its template, and its others are plugged later", () => {
    const backends = [
      { kind: "tap", name: "tap,0" },
      {
        kind: "user",
        network: "10.0.2.0/24",
        forwards: [{ protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 }],
      },
      { kind: "none" },
    ] as const;
    const interfaces = backends.map(
      (backend, index): MachineInterface => ({
        id: `nic${index}`,
        mac: `02:00:00:00:00:0${index}`,
        model: index === 2 ? "vmxnet3" : "virtio-net",
        backend,
      }),
    );
    const machine = machineSpecification("/m", { interfaces });
    const args = qemuArguments(machine, "tcg");
    assert.deepEqual(valuesOf(args, "-netdev"), [
      "tap,id=nic0,ifname=tap,,0,script=no,downscript=no",
      "user,id=nic1,net=10.0.2.0/24,hostfwd=tcp:127.0.0.1:8080-:80",
    ]);
    const cards = valuesOf(args, "-device").filter((value) => value.includes(",mac="));
    assert.deepEqual(
      cards.map((value) => /,bus=plugged,addr=(\w+),mac=[\d:]+,romfile=/.exec(value)?.[1]),
      ["0x1", "0x2", "0x3"],
    );
    const fork = qemuArguments(machine, "tcg", { kind: "forked", file: "/memory" });
    assert.deepEqual(valuesOf(fork, "-netdev"), valuesOf(args, "-netdev").slice(0, 2));
    assert.deepEqual(
      fork.filter((arg) => arg.includes(",mac=")),
      cards.slice(0, 2),
    );
  });

  it("has the disks of its volumes at fixed places; a fork has those of its template, which are empty there, and its others are plugged later", () => {
    const volumes = (["virtio-blk", "virtio-blk", "virtio-scsi", "virtio-blk"] as const).map(
      (model, index): MachineVolume => ({
        ...{ id: `v${index}`, file: `/v,${index}`, format: "raw", serial: `serial${index}`, model },
        isReadOnly: index === 1,
      }),
    );
    const machine = machineSpecification("/m", { volumes });
    const nodesOf = (args: readonly string[]): unknown[] =>
      valuesOf(args, "-blockdev").map((value) => JSON.parse(value));
    const disksOf = (args: readonly string[]): string[] =>
      valuesOf(args, "-device").filter((value) => value.includes('"drive":"volume-'));
    const args = qemuArguments(machine, "tcg");
    const fork = qemuArguments(machine, "tcg", { kind: "forked", file: "/memory" });
    assert.deepEqual(disksOf(fork), disksOf(args).slice(0, 2));
    assert.deepEqual(nodesOf(fork), nodesOf(args).slice(0, 2));
    assert.equal(disksOf(args).length, 4);
    const templateVolumesOf = machineSpecification("/m", { volumes: templateVolumes(volumes) });
    const template = qemuArguments(templateVolumesOf, "tcg", { kind: "template", file: "/memory" });
    const places = (lines: readonly string[]): unknown[] =>
      lines.map((line) => {
        const { driver, bus, addr } = JSON.parse(line) as Record<string, unknown>;
        return [driver, bus, addr];
      });
    assert.deepEqual(places(disksOf(template)), places(disksOf(fork)));
    assert.deepEqual(
      nodesOf(template).map((node) => (node as { driver: string }).driver),
      ["null-co", "null-co"],
    );
  });

  it("names each thing once", () => {
    for (const hardware of HARDWARES) {
      for (const boot of BOOTS) {
        const args = qemuArguments(machineSpecification("/m", { hardware, boot }), "tcg");
        const ids = args.flatMap((arg) => /(?:^|,)id=([^,]+)/.exec(arg)?.[1] ?? []);
        assert.equal(new Set(ids).size, ids.length, ids.join(" "));
      }
    }
  });

  describe("of a template and of its forks", () => {
    const TEMPLATE: MachineMemory = { kind: "template", file: "/t,1/memory" };
    const FORK: MachineMemory = { kind: "forked", file: "/proc/self/fd/4" };
    const specification = machineSpecification("/m", { memoryBytes: 256 * 1024 * 1024 });
    const argsOf = (memory: MachineMemory): string[] => qemuArguments(specification, "tcg", memory);
    const containerDisk = (args: readonly string[]): string[] =>
      valuesOf(args, "-drive").filter((value) => value.includes("id=container"));

    it("keeps a template's memory in a file, which QEMU writes to", () => {
      assert.deepEqual(valuesOf(argsOf(TEMPLATE), "-object"), [
        "memory-backend-file,id=memory,size=256M,share=on,mem-path=/t,,1/memory",
      ]);
    });

    it("maps the file privately for a fork, which waits for the state of its devices", () => {
      const args = argsOf(FORK);
      assert.deepEqual(valuesOf(args, "-object"), [
        "memory-backend-file,id=memory,size=256M,share=off,mem-path=/proc/self/fd/4",
      ]);
      assert.deepEqual(valuesOf(args, "-incoming"), ["defer"]);
      assert.deepEqual(valuesOf(argsOf(TEMPLATE), "-incoming"), []);
    });

    it("makes the machine use that memory, and a machine that boots have its own", () => {
      for (const memory of [TEMPLATE, FORK])
        assert.match(valuesOf(argsOf(memory), "-machine")[0] ?? "", /,memory-backend=memory$/);
      const cold = argsOf({ kind: "fresh" });
      assert.doesNotMatch(valuesOf(cold, "-machine")[0] ?? "", /memory-backend/);
      assert.deepEqual([valuesOf(cold, "-object"), valuesOf(cold, "-incoming")], [[], []]);
    });

    it("gives a template an empty disk in place of a container's", () => {
      assert.deepEqual(containerDisk(argsOf(TEMPLATE)), [
        "if=none,id=container,driver=null-co,read-zeroes=on",
      ]);
      assert.match(containerDisk(argsOf(FORK))[0] ?? "", /,format=qcow2,.*file=\/m\/disk\.qcow2$/);
    });

    it("names the container's disk, so that the guest finds it whatever is on it", () => {
      for (const memory of [TEMPLATE, FORK]) {
        const disks = valuesOf(argsOf(memory), "-device").filter((value) =>
          value.includes("drive=container"),
        );
        assert.deepEqual(disks, [`virtio-blk-pci,drive=container,serial=${LAYER_DISK_SERIAL}`]);
      }
    });

    it("differs in nothing else: only the same devices at the same places take a template's state", () => {
      const own = new Set(["-object", "-incoming"]);
      const rest = (memory: MachineMemory): string[] =>
        argsOf(memory).filter((arg, index, args) => {
          const isOwn = own.has(arg) || own.has(args[index - 1] ?? "");
          return !isOwn && !arg.startsWith("if=none,id=container,");
        });
      assert.deepEqual(rest(FORK), rest(TEMPLATE));
      assert.ok(valuesOf(rest(FORK), "-device").length > 4);
    });
  });

  describe("of a machine that has folders of this one", () => {
    const folder = {
      source: "/x",
      isFile: false,
      isReadOnly: false,
      isRecursive: true,
      followsMounts: false,
    };
    const folders = ["one", "two"].map((tag) => ({ tag, ...folder }));
    const volume = { format: "raw", serial: "s", model: "virtio-blk", isReadOnly: false } as const;
    const withDisks = (count: number): MachineSpecification =>
      machineSpecification("/m", {
        folders,
        memoryBytes: 256 * 1024 * 1024,
        volumes: Array.from({ length: count }, (_, index) => ({ id: `v${index}`, file: "/v", ...volume })),
      });

    it("has memory that their servers can write to, and connections that QEMU inherits", () => {
      const cold = qemuArguments(withDisks(1), "tcg");
      const copied = qemuArguments(withDisks(1), "tcg", { kind: "copied" });
      for (const args of [cold, copied]) {
        assert.deepEqual(valuesOf(args, "-object"), [
          "memory-backend-memfd,id=memory,size=256M,share=on,seal=off",
        ]);
        assert.match(valuesOf(args, "-machine")[0] ?? "", /,memory-backend=memory$/);
      }
      const connections = (args: readonly string[]): string[] =>
        valuesOf(args, "-chardev").filter((value) => value.includes("id=share-"));
      assert.deepEqual(connections(cold), ["socket,id=share-one,fd=3", "socket,id=share-two,fd=4"]);
      // Descriptor 3 is the template's state.
      assert.deepEqual(connections(copied), ["socket,id=share-one,fd=4", "socket,id=share-two,fd=5"]);
      assert.deepEqual(valuesOf(copied, "-incoming"), ["defer"]);
      assert.ok(!copied.some((arg) => arg.includes("vhost-user-fs-pci")), "no template has such a device");
    });

    it("has them behind its volumes, from the last place on", () => {
      const places = (args: readonly string[]): unknown[] =>
        valuesOf(args, "-device")
          .filter((value) => value.includes("vhost-user-fs-pci"))
          .map((value) => (JSON.parse(value) as { readonly addr: unknown }).addr);
      assert.deepEqual(places(qemuArguments(withDisks(14), "tcg")), ["0x1f", "0x1e"]);
      assert.throws(
        () => qemuArguments(withDisks(15), "tcg"),
        catalogueError("invalid-option", /at most 16 virtio-blk disks and folders/),
      );
    });
  });

  it("is understood by QEMU, for both hardwares", function () {
    this.timeout(20_000);
    const known = execFileSync("qemu-system-x86_64", ["-device", "help"], { encoding: "utf8" });
    const machines = execFileSync("qemu-system-x86_64", ["-machine", "help"], { encoding: "utf8" });
    for (const hardware of HARDWARES) {
      const args = qemuArguments(machineSpecification("/m", { hardware }), "tcg");
      for (const device of valuesOf(args, "-device"))
        assert.ok(known.includes(`name "${device.split(",")[0]}"`), device);
      for (const machine of valuesOf(args, "-machine"))
        assert.match(machines, new RegExp(`^${machine.split(",")[0]}\\s`, "m"));
    }
  });
});
