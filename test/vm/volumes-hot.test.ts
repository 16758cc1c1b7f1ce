import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { MachineVolume, VolumeModel } from "../../src/hypervisor/index.ts";
import { tether } from "../../src/protocol/generated/config.js";
import { catalogueError } from "../support/catalogue-error.ts";
import { ShellGuest } from "../support/shell-guest.ts";
import { useHost } from "../support/vm-host.ts";
import { type StartedMachine, startShellMachine } from "../support/vm-machine.ts";

type Volume = tether.config.Volume.$Properties;

const { Propagation } = tether.config.Volume;

const UUID = "3f1f9b52-6ad0-4a1c-9f7e-2b8c01d8f0aa";
const MIB = 1024 * 1024;

describe("volumes of a container VM that runs", () => {
  let started: StartedMachine;
  // Before the host looks at what is left.
  after(() => started.machine.destroy());
  const host = useHost();
  let guest: ShellGuest;
  const disks: string[] = [];

  before(async function () {
    this.timeout(120_000);
    mkdirSync(host.file("disks"));
    started = await startShellMachine(host, { start: "forked" });
    guest = new ShellGuest(started);
  });

  /** Makes a file with a file system and plugs it. */
  const plug = async (
    id: string,
    model: VolumeModel,
    format: readonly string[],
    { isReadOnly = false, mebibytes = 16, spoil = (_file: string): void => {} } = {},
  ): Promise<void> => {
    const file = host.file("disks", id);
    closeSync(openSync(file, "w"));
    truncateSync(file, mebibytes * MIB);
    const [program = "true", ...args] = format;
    execFileSync(program, [...args, file], { env: { PATH: "/usr/sbin:/sbin:/usr/bin:/bin" } });
    spoil(file);
    const volume: MachineVolume = { id, file, format: "raw", serial: `serial-${id}`, model, isReadOnly };
    await guest.adopt().plugVolume(volume, "virtio");
    disks.push(id);
  };
  const unplug = async (id: string): Promise<void> => guest.adopt().unplugVolume(id);
  const volumes = (): Volume[] => guest.document.volumes ?? [];
  const add = (...added: Volume[]): Promise<string[]> => guest.reload({ volumes: [...volumes(), ...added] });
  const drop = (...names: string[]): Promise<string[]> =>
    guest.reload({ volumes: volumes().filter(({ name }) => !names.includes(name ?? "")) });
  const at = (path: string): Uint8Array => Buffer.from(path);
  const ext4 = (...args: string[]): string[] => ["mke2fs", "-q", "-t", "ext4", ...args];

  it("come on each bus, by serial number, label, UUID and address, with ext4 and xfs", async function () {
    this.timeout(120_000);
    await plug("plain", "virtio-blk", ext4());
    await plug("labelled", "virtio-scsi", ["mkfs.xfs", "-q", "-L", "xlabel"], { mebibytes: 320 });
    await plug("uuid", "pvscsi", ext4("-U", UUID));
    await plug("address", "virtio-scsi", ext4());
    const changes = await add(
      { name: "plain", target: at("/mnt/plain"), block: { serial: "serial-plain", fileSystem: "ext4" } },
      { name: "labelled", target: at("/mnt/labelled"), block: { label: "xlabel" } },
      {
        name: "uuid",
        target: at("/mnt/uuid"),
        options: ["noatime", "nodev"],
        block: { uuid: UUID.toUpperCase() },
      },
      {
        name: "address",
        target: at("/mnt/address"),
        block: { scsiAddress: "1:0", serial: "serial-address" },
      },
    );
    assert.deepEqual(
      changes,
      ["plain", "labelled", "uuid", "address"].map((name) => `add volumes[${name}]`),
    );
    const mounts = await guest.ask(
      "grep ' /mnt' /proc/mounts; for i in /mnt/*; do echo $i > $i/own; done; cat /mnt/*/own",
    );
    assert.match(mounts, /^\/dev\/vd\w \/mnt\/plain ext4 rw,relatime/m);
    assert.match(mounts, /^\/dev\/sd\w \/mnt\/labelled xfs rw/m);
    assert.match(mounts, /^\/dev\/sd\w \/mnt\/uuid ext4 rw,nodev,noatime/m);
    assert.match(mounts, /\/mnt\/address\n\/mnt\/labelled\n\/mnt\/plain\n\/mnt\/uuid\n$/);
  });

  it("are the same after a second look, and after a crash of the agent", async () => {
    assert.deepEqual(await guest.reload({ generation: guest.document.generation ?? 0 }), []);
    await assert.rejects(guest.ask("kill -SEGV 1"), /ended without/);
    assert.equal(await guest.ask("cat /mnt/plain/own"), "/mnt/plain\n");
    assert.deepEqual(await drop("address"), ["remove volumes[address]"]);
    assert.doesNotMatch(await guest.ask("cat /proc/mounts"), /address/);
    await unplug("address");
  });

  it("do not go while somebody uses them, whose name is told", async () => {
    await guest.ask("cd /mnt/plain; sleep 1000 & cd /");
    await assert.rejects(
      drop("plain"),
      catalogueError("volume-in-use", /volume plain at \/mnt\/plain is in use: sleep \(\d+\)/),
    );
    assert.equal(await guest.ask("cat /mnt/plain/own; kill %1; wait"), "/mnt/plain\n");
    assert.deepEqual(await drop("plain"), ["remove volumes[plain]"]);
    await unplug("plain");
    assert.equal(await guest.ask("ls -A /mnt/plain"), "");
    // What was written is at rest.
    execFileSync("/sbin/e2fsck", ["-fn", host.file("disks", "plain")]);
  });

  it("end in a named error when there is no such disk, it holds something else, or is damaged", async function () {
    this.timeout(60_000);
    const wanted = (name: string, block: Volume["block"]): Volume => ({
      ...{ name, target: at(`/mnt/${name}`), timeoutMs: 1500 },
      block: block ?? {},
    });
    await assert.rejects(
      add(wanted("nowhere", { label: "nowhere" })),
      catalogueError("volume-missing", /no disk with label nowhere after 1\.5 s: there is .*xfs "xlabel"/),
    );
    await assert.rejects(
      add(wanted("other", { label: "xlabel", fileSystem: "ext4" })),
      catalogueError("volume-failed", /holds xfs, not ext4/),
    );
    const spoil = (file: string): void => {
      const descriptor = openSync(file, "r+");
      // The group descriptors, behind the superblock.
      writeSync(descriptor, Buffer.alloc(4096, 0xa5), 0, 4096, 2048);
      closeSync(descriptor);
    };
    await plug("damaged", "virtio-blk", ext4("-b", "1024"), { spoil });
    await assert.rejects(
      add(wanted("damaged", { serial: "serial-damaged" })),
      catalogueError("volume-failed", /the ext4 on the disk vd\w is damaged .*: check it with e2fsck/),
    );
    await plug("blank", "virtio-blk", ["true"]);
    await assert.rejects(
      add(wanted("blank", { serial: "serial-blank" })),
      catalogueError("volume-failed", /holds neither ext4 nor xfs/),
    );
    assert.doesNotMatch(await guest.ask("cat /proc/mounts"), /nowhere|other|damaged|blank/);
  });

  it("are formatted when they are empty and that is asked for, never when they hold something", async function () {
    this.timeout(60_000);
    const wanted = (name: string, fileSystem: string): Volume => ({
      ...{ name, target: at(`/mnt/${name}`) },
      block: { serial: `serial-${name}`, label: name, fileSystem, format: true },
    });
    await plug("newext", "virtio-blk", ["true"]);
    await plug("newxfs", "virtio-scsi", ["true"], { mebibytes: 320 });
    await add(wanted("newext", "ext4"), wanted("newxfs", "xfs"));
    const mounts = await guest.ask(
      "grep ' /mnt/new' /proc/mounts; echo kept > /mnt/newext/kept; ls -A /mnt/newxfs",
    );
    assert.match(mounts, /\/mnt\/newext ext4 rw.*\/mnt\/newxfs xfs rw[^\n]*\n$/s);
    await drop("newext", "newxfs");
    // What has a file system keeps it.
    await add(wanted("newext", "ext4"));
    assert.equal(await guest.ask("cat /mnt/newext/kept"), "kept\n");
    await drop("newext");
    const spoil = (file: string): void => {
      const descriptor = openSync(file, "r+");
      writeSync(descriptor, "somebody's", 70_000);
      closeSync(descriptor);
    };
    await plug("foreign", "virtio-blk", ["true"], { spoil });
    await assert.rejects(
      add(wanted("foreign", "ext4")),
      catalogueError("volume-failed", /vd\w is not empty, and is not formatted/),
    );
  });

  it("are read-only when the hypervisor's disk is", async () => {
    await plug("closed", "virtio-blk", ext4("-L", "closed"), { isReadOnly: true });
    const volume = { name: "closed", target: at("/mnt/closed"), block: { label: "closed" } };
    await assert.rejects(add(volume), catalogueError("volume-failed", /is read-only, and the volume is not/));
    await add({ ...volume, readOnly: true });
    assert.match(await guest.ask("touch /mnt/closed/x; grep closed /proc/mounts"), /Read-only.* ro,/s);
    await drop("closed");
  });

  it("have their propagation, and files and memory that the document brings", async () => {
    const file = { content: Buffer.from("secret\n"), mode: 0o400, uid: 5 };
    await add(
      { name: "file", target: at("/run/secrets/key"), readOnly: true, file },
      {
        name: "shared",
        target: at("/mnt/shared"),
        propagation: Propagation.RSHARED,
        tmpfs: { sizeBytes: 65_536 },
      },
      {
        name: "slave",
        target: at("/mnt/slave"),
        propagation: Propagation.RSLAVE,
        tmpfs: { sizeBytes: 65_536 },
      },
    );
    assert.equal(
      await guest.ask("stat -c '%a %u' /run/secrets/key; cat /run/secrets/key"),
      "400 5\nsecret\n",
    );
    const info = await guest.ask("grep /mnt/s /proc/self/mountinfo");
    assert.match(info, /\/mnt\/shared .* shared:\d+ - tmpfs/);
    assert.match(info, /\/mnt\/slave .* master:\d+ - tmpfs/);
    await drop("file", "shared", "slave");
  });

  it("tell of damage that the kernel finds while they are in use, and who looks there gets an error", async () => {
    const content = host.file("content");
    mkdirSync(join(content, "broken"), { recursive: true });
    writeFileSync(join(content, "broken/file"), "");
    const debugfs = (file: string, request: string): string =>
      execFileSync("/sbin/debugfs", ["-R", request, file], { encoding: "utf8", stdio: "pipe" });
    const spoil = (file: string): void => {
      const [block = ""] = debugfs(file, "blocks /broken").trim().split(" ");
      const descriptor = openSync(file, "r+");
      writeSync(descriptor, Buffer.alloc(1024, 0xa5), 0, 1024, Number(block) * 1024);
      closeSync(descriptor);
    };
    await plug("rotten", "virtio-blk", ext4("-b", "1024", "-d", content), { spoil });
    await add({ name: "rotten", target: at("/mnt/rotten"), block: { serial: "serial-rotten" } });
    assert.match(await guest.ask("cat /mnt/rotten/broken/file"), /Bad message|needs cleaning/);
    const told = await guest.expectEvent(({ fileSystemFailed }) =>
      fileSystemFailed?.volumes?.includes("rotten") ? fileSystemFailed : undefined,
    );
    assert.match(told.error ?? "", /^EFS/);
    assert.match(told.place ?? "", /ext4_/);
    await drop("rotten");
  });

  it("survive a disk that is pulled out: its users get errors, the container goes on, and the volume can go", async () => {
    await guest.ask("echo data > /mnt/uuid/kept; sync");
    await unplug("uuid");
    assert.match(await guest.ask("dd if=/dev/zero of=/mnt/uuid/more bs=4k count=64 conv=fsync"), /error/i);
    const told = await guest.expectEvent(({ fileSystemFailed }) =>
      fileSystemFailed?.error === "ENODEV" ? fileSystemFailed : undefined,
    );
    assert.deepEqual(told.volumes, ["uuid"]);
    assert.deepEqual(await drop("uuid"), ["remove volumes[uuid]"]);
    assert.equal(await guest.ask("echo alive"), "alive\n");
  });
});
