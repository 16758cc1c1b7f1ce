import { existsSync } from "node:fs";
import { join } from "node:path";
import { textField } from "../encoding/shape.ts";
import { EntryList } from "../reading/entry-list.ts";
import type { Scanner } from "../reading/scanner.ts";
import { FIELDS, GROUP, indexOf, SAMPLE_FIELD } from "../values/schema.ts";
import type { Collector, CollectorParts } from "./collector.ts";
import { type Column, columnsFile } from "./columns-file.ts";

/** The field of Disk that is no number. */
const NAME_FIELD = 1;

/** The kernel counts in these whatever the disk has (iostats.rst). */
const SECTOR_BYTES = 512;

const column = (field: Parameters<typeof indexOf<"Disk">>[1], scale = 1): Column => ({
  ...{ index: indexOf("Disk", field), scale },
});
const PASSED_OVER: Column = { index: undefined };

/** iostats.rst's columns, behind the name: merged requests and weighted times are passed over. */
const COLUMNS = [
  ...[column("reads"), PASSED_OVER, column("read_bytes", SECTOR_BYTES), column("read_ms")],
  ...[column("writes"), PASSED_OVER, column("written_bytes", SECTOR_BYTES), column("write_ms")],
  ...[column("in_flight"), column("busy_ms"), PASSED_OVER],
  ...[column("discards"), PASSED_OVER, column("discarded_bytes", SECTOR_BYTES), PASSED_OVER],
  column("flushes"),
];

/** Loop devices and memory disks that nobody has asked for. */
const NO_DISK = /^(?:loop|ram)\d+$/;

/** What every whole disk has done (iostats.rst, /proc/diskstats). */
export function disks({ values, folders }: CollectorParts): Collector {
  const group = GROUP.DISKS;
  const list = new EntryList({
    ...{ values, name: "disk", field: SAMPLE_FIELD[group], numbers: FIELDS.Disk },
    identify: (name) =>
      isWholeDisk(name, folders.sys)
        ? { identity: textField(NAME_FIELD, Buffer.from(name, "latin1").toString()) }
        : undefined,
  });
  const path = join(folders.proc, "diskstats");
  const numbers = FIELDS.Disk.length;
  return {
    group,
    files: [columnsFile({ path, values, list, numbers, columns: COLUMNS, findName })],
    messages: () => list.messages,
  };
}

/** `   8       0 sda 1296 ...` */
function findName(scanner: Scanner): boolean {
  scanner.word();
  scanner.word();
  return scanner.word();
}

/** A partition is a folder of its disk's, and says so (sysfs-block, `partition`). */
function isWholeDisk(name: string, sys: string): boolean {
  return !NO_DISK.test(name) && !existsSync(join(sys, "class/block", name.replaceAll("/", "!"), "partition"));
}
