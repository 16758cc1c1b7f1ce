import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { release, totalmem } from "node:os";
import { join } from "node:path";
import si from "systeminformation";
import { FACT_FIELDS, FACTS_FIELD, type Facts } from "../../../src/stats/facts/fact-fields.ts";
import { readFacts } from "../../../src/stats/facts/read-facts.ts";
import { tether } from "../../../src/protocol/generated/stats.js";
import { DelimitedDecoder } from "../../../src/protocol/length-delimited.ts";
import { encodeFacts } from "../../../src/tether/statistics/facts-message.ts";
import { FACT_FILES } from "../../support/fact-files.ts";
import { KernelFolders, plain } from "../../support/kernel-folders.ts";

const PLACES = [
  { mountPoint: "/", path: "/container/root", isRemote: false },
  { mountPoint: "/data", path: "/volumes/my data", isRemote: true },
  { mountPoint: "/new", path: "/not/mounted/yet", isRemote: false },
];

/** As a client decodes it. */
function sent(facts: Facts): tether.stats.Facts.$Properties {
  const [message, ...rest] = [...new DelimitedDecoder().push(encodeFacts(facts))];
  ok(message !== undefined && rest.length === 0);
  const { facts: decoded } = tether.stats.Message.decode(message);
  ok(decoded);
  return decoded;
}

describe("the facts of a machine", () => {
  it("are what the kernel says of it", () => {
    using folders = new KernelFolders(FACT_FILES);
    const device = join(folders.folders.sys, "class/net/eth0/device");
    mkdirSync(device);
    symlinkSync("../../../../bus/virtio/drivers/virtio_net", join(device, "driver"));
    deepEqual(plain(sent(readFacts(folders.folders, PLACES))), {
      hardware: {
        ...{ vendor: "QEMU", productName: "Standard PC (Q35 + ICH9, 2009)", productVersion: "pc-q35-7.2" },
        memoryBytes: 512_000_000,
      },
      firmware: {
        ...{ vendor: "SeaBIOS", version: "1.16.2-debian-1.16.2-1", date: "04/01/2014", release: "0.0" },
      },
      operatingSystem: {
        ...{ kernel: "Linux", release: "6.1.0-26-cloud-amd64", architecture: "x86_64" },
        version: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.112-1 (2024-09-30)",
        commandLine: "console=ttyS0 quiet",
      },
      processor: {
        ...{ vendor: "GenuineIntel", modelName: "Intel(R) Xeon(R)", family: 6, model: 85, stepping: 7 },
        ...{ frequencyKhz: 2_999_998, cacheKib: 16_384, flags: "fpu vme sse2", count: 2 },
      },
      networkCards: [
        {
          ...{ name: "eth0", macAddress: "02:00:00:00:00:07", mtuBytes: 1500, duplex: "unknown" },
          ...{ state: "up", driver: "virtio_net", index: 2 },
        },
      ],
      disks: [
        {
          ...{ name: "vda", sizeBytes: 10_485_760, logicalBlockBytes: 512, physicalBlockBytes: 4096 },
          ...{ isRotational: true, isReadOnly: false, serialNumber: "tether-root" },
        },
      ],
      fileSystems: [
        { mountPoint: "/", type: "ext4", source: "/dev/vda", isReadOnly: false },
        { mountPoint: "/data", type: "nfs4", source: "server:/export", isReadOnly: true },
        { mountPoint: "/new" },
      ],
    });
  });

  it("are told as far as they are known, whichever file the kernel does not have", () => {
    using folders = new KernelFolders(FACT_FILES);
    for (const [name, content] of Object.entries(FACT_FILES)) {
      folders.remove(name);
      equal(sent(readFacts(folders.folders, PLACES)).fileSystems?.length, 3, name);
      folders.write(name, content);
    }
  });

  it("are nothing where the kernel tells nothing", () => {
    using folders = new KernelFolders({});
    const nothing = { hardware: {}, firmware: {}, operatingSystem: {}, processor: {} };
    deepEqual(plain(sent(readFacts(folders.folders, []))), {
      ...nothing,
      ...{ networkCards: [], disks: [], fileSystems: [] },
    });
  });

  it("have neither the bytes of a terminal's commands nor texts without an end", () => {
    using folders = new KernelFolders({
      "sys/class/dmi/id/sys_vendor": `A\u001B[2J\u202E${"x".repeat(5000)}`,
    });
    const { vendor } = readFacts(folders.folders, []).hardware;
    ok(typeof vendor === "string" && vendor.startsWith("A?[2J?x"));
    equal(vendor.length, 2048);
  });

  it("list so many devices and no more, whatever a container makes", () => {
    using folders = new KernelFolders(
      Object.fromEntries(
        Array.from({ length: 200 }, (_none, at) => [`sys/class/net/d${at}/ifindex`, `${at}\n`]),
      ),
    );
    equal(readFacts(folders.folders, []).networkCards.length, 64);
  });

  it("are encoded by the names and numbers of proto/stats.proto", () => {
    for (const [index, [name, fields]] of Object.entries(FACT_FIELDS).entries()) {
      equal(Reflect.get(FACTS_FIELD, name), index + 1);
      for (const [field, number] of Object.entries(fields)) {
        const isSwitch = field.startsWith("is");
        const isText = !isSwitch && !/(?:Bytes|Mbits|Khz|Kib|family|model|stepping|count|index)$/.test(field);
        const isNumber = !isSwitch && !isText && !(name === "disks" && field === "model");
        const value = isSwitch ? true : isNumber ? 2 ** 40 + number : `text ${number}`;
        const thing = { [field]: value };
        const facts = {
          ...{ hardware: {}, firmware: {}, operatingSystem: {}, processor: {} },
          ...{ networkCards: [], disks: [], fileSystems: [] },
          [name]: index < 4 ? thing : [thing],
        };
        const [decoded] = [Reflect.get(sent(facts), name) as unknown].flat();
        equal(Reflect.get(decoded as object, field), value, `${name}.${field}`);
      }
    }
  });
});

describe("what systeminformation finds out about this machine once", () => {
  const facts = readFacts({ proc: "/proc", sys: "/sys" }, []);

  it("is the same of its system and its firmware", async () => {
    const [system, bios] = await Promise.all([si.system(), si.bios()]);
    // Its texts are `-` or empty where the machine does not tell.
    const told = (text: string | undefined): string => (text === undefined || text === "-" ? "" : text);
    equal(told(String(facts.hardware.vendor ?? "")), told(system.manufacturer));
    equal(told(String(facts.firmware.version ?? "")), told(bios.version));
    equal(facts.hardware.memoryBytes, totalmem());
  });

  it("is the same of its kernel and its processors", async () => {
    const [os, cpu] = await Promise.all([si.osInfo(), si.cpu()]);
    equal(facts.operatingSystem.release, os.kernel);
    equal(facts.operatingSystem.release, release());
    equal(facts.processor.count, cpu.cores);
    equal(String(facts.processor.family), cpu.family);
    equal(String(facts.processor.model), cpu.model);
  });

  it("is the same of its network cards", async () => {
    const interfaces = await si.networkInterfaces();
    for (const { name, macAddress, mtuBytes } of facts.networkCards) {
      const other = [interfaces].flat().find(({ iface }) => iface === name);
      if (other === undefined) continue;
      deepEqual([macAddress, mtuBytes], [other.mac, other.mtu]);
    }
  });
});
