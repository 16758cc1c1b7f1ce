import { existsSync } from "node:fs";
import { join } from "node:path";
import type { StatsFolders } from "../collectors/collector.ts";
import type { FileSystemPlace } from "../reading/file-system-status.ts";
import type { Facts, FactsOf } from "./fact-fields.ts";
import {
  contentOf,
  linkedName,
  namesIn,
  numberOf,
  printable,
  switchOf,
  textOf,
  wholeNumber,
} from "./fact-files.ts";
import { mountedFileSystems } from "./mounted-file-systems.ts";

type Folders = Pick<StatsFolders, "proc" | "sys">;

const LOOPBACK = "lo";
/** Loop devices and memory disks that nobody has asked for. */
const NO_DISK = /^(?:loop|ram)\d+$/;
/** A container with privileges makes as many interfaces as it likes. */
const MOST_DEVICES = 64;
const KIB = 1024;
/** The kernel counts in these whatever the disk has (sysfs-block). */
const SECTOR_BYTES = 512;

/**
 * What the machine is, by the kernel's files alone: nothing is executed. What the kernel does not tell is left out.
 *
 * @param places the container's file systems.
 */
export function readFacts(folders: Folders, places: readonly FileSystemPlace[]): Facts {
  const { proc, sys } = folders;
  return {
    hardware: hardware(folders),
    firmware: firmware(join(sys, "class/dmi/id")),
    operatingSystem: operatingSystem(proc),
    processor: processor(contentOf(join(proc, "cpuinfo")) ?? ""),
    networkCards: networkCards(join(sys, "class/net")),
    disks: disks(join(sys, "class/block")),
    fileSystems: mountedFileSystems(contentOf(join(proc, "self/mountinfo")) ?? "", places),
  };
}

function hardware({ proc, sys }: Folders): FactsOf<"hardware"> {
  const dmi = (name: string): string | undefined => textOf(join(sys, "class/dmi/id", name));
  const total = valueOf(contentOf(join(proc, "meminfo")) ?? "", "MemTotal");
  const kib = wholeNumber(total?.replace(/ kB$/, ""));
  return {
    vendor: dmi("sys_vendor"),
    productName: dmi("product_name"),
    productVersion: dmi("product_version"),
    serialNumber: dmi("product_serial"),
    uuid: dmi("product_uuid"),
    boardName: dmi("board_name"),
    memoryBytes: kib === undefined ? undefined : kib * KIB,
  };
}

function firmware(folder: string): FactsOf<"firmware"> {
  return {
    vendor: textOf(join(folder, "bios_vendor")),
    version: textOf(join(folder, "bios_version")),
    date: textOf(join(folder, "bios_date")),
    release: textOf(join(folder, "bios_release")),
  };
}

function operatingSystem(proc: string): FactsOf<"operatingSystem"> {
  const kernel = (name: string): string | undefined => textOf(join(proc, "sys/kernel", name));
  return {
    kernel: kernel("ostype"),
    release: kernel("osrelease"),
    version: kernel("version"),
    architecture: kernel("arch"),
    commandLine: textOf(join(proc, "cmdline")),
  };
}

function processor(cpuinfo: string): FactsOf<"processor"> {
  const value = (key: string): string | undefined => valueOf(cpuinfo, key);
  const mhz = Number(value("cpu MHz") ?? Number.NaN);
  return {
    vendor: value("vendor_id"),
    modelName: value("model name"),
    family: wholeNumber(value("cpu family")),
    model: wholeNumber(value("model")),
    stepping: wholeNumber(value("stepping")),
    frequencyKhz: mhz > 0 ? Math.round(mhz * 1000) : undefined,
    cacheKib: wholeNumber(value("cache size")?.replace(/ KB$/, "")),
    flags: value("flags"),
    count: cpuinfo.match(/^processor\s*:/gm)?.length,
  };
}

/** Of the first line `KEY: VALUE`. */
function valueOf(text: string, key: string): string | undefined {
  const value = new RegExp(`^${key}[ \\t]*:(?<value>.*)$`, "m").exec(text)?.groups?.["value"];
  return value === undefined ? undefined : printable(value);
}

function networkCards(folder: string): FactsOf<"networkCards">[] {
  return namesIn(folder)
    .filter((name) => name !== LOOPBACK && existsSync(join(folder, name, "ifindex")))
    .slice(0, MOST_DEVICES)
    .map((name) => ({
      name: printable(name),
      macAddress: textOf(join(folder, name, "address")),
      mtuBytes: numberOf(join(folder, name, "mtu")),
      speedMbits: numberOf(join(folder, name, "speed")),
      duplex: textOf(join(folder, name, "duplex")),
      state: textOf(join(folder, name, "operstate")),
      driver: linkedName(join(folder, name, "device/driver")),
      index: numberOf(join(folder, name, "ifindex")),
    }));
}

function disks(folder: string): FactsOf<"disks">[] {
  return namesIn(folder)
    .filter((name) => !NO_DISK.test(name) && !existsSync(join(folder, name, "partition")))
    .slice(0, MOST_DEVICES)
    .map((name) => {
      const sectors = numberOf(join(folder, name, "size"));
      return {
        name: printable(name),
        sizeBytes: sectors === undefined ? undefined : sectors * SECTOR_BYTES,
        logicalBlockBytes: numberOf(join(folder, name, "queue/logical_block_size")),
        physicalBlockBytes: numberOf(join(folder, name, "queue/physical_block_size")),
        isRotational: switchOf(join(folder, name, "queue/rotational")),
        isReadOnly: switchOf(join(folder, name, "ro")),
        model: textOf(join(folder, name, "device/model")),
        serialNumber: textOf(join(folder, name, "serial")) ?? textOf(join(folder, name, "device/serial")),
        driver: linkedName(join(folder, name, "device/driver")),
      };
    });
}
