import { join } from "node:path";
import { type MessageShape, messageShape, textField } from "../encoding/shape.ts";
import { EntryList } from "../reading/entry-list.ts";
import type { KernelFile } from "../reading/kernel-files.ts";
import type { Scanner } from "../reading/scanner.ts";
import { FIELDS, GROUP, indexOf, SAMPLE_FIELD } from "../values/schema.ts";
import type { Values } from "../values/values.ts";
import type { Collector, CollectorParts } from "./collector.ts";

/** The fields of ContainerIo and ContainerIoDevice that are no numbers. */
const DEVICES_FIELD = 1;
const DEVICE_FIELD = 1;

const COLUMNS = [
  { key: Buffer.from("rbytes"), index: indexOf("ContainerIoDevice", "read_bytes") },
  { key: Buffer.from("wbytes"), index: indexOf("ContainerIoDevice", "written_bytes") },
  { key: Buffer.from("rios"), index: indexOf("ContainerIoDevice", "reads") },
  { key: Buffer.from("wios"), index: indexOf("ContainerIoDevice", "writes") },
  { key: Buffer.from("dbytes"), index: indexOf("ContainerIoDevice", "discarded_bytes") },
  { key: Buffer.from("dios"), index: indexOf("ContainerIoDevice", "discards") },
];

const EQUALS = 0x3d;

/** What the container reads from and writes to disks, by device (cgroup-v2.rst, "IO Interface Files"). */
export function containerIo({ values, folders }: CollectorParts): Collector {
  const list = new EntryList({
    ...{ values, name: "container-io", field: DEVICES_FIELD, numbers: FIELDS.ContainerIoDevice },
    identify: (name) =>
      /^\d{1,10}:\d{1,10}$/.test(name) ? { identity: textField(DEVICE_FIELD, name) } : undefined,
  });
  const group = GROUP.CONTAINER_IO;
  let devices: readonly MessageShape[] = [];
  let messages: readonly MessageShape[] = [];
  return {
    group,
    files: [ioFile(join(folders.container, "io.stat"), list, values)],
    messages: () => {
      if (devices === list.messages) return messages;
      devices = list.messages;
      messages = [messageShape({ field: SAMPLE_FIELD[group], children: devices })];
      return messages;
    },
  };
}

/** Lines `MAJOR:MINOR KEY=NUMBER ...`. */
function ioFile(path: string, list: EntryList, values: Values): KernelFile {
  const parseDevice = (scanner: Scanner, row: number): void => {
    values.clear(row, FIELDS.ContainerIoDevice.length);
    // `KEY=NUMBER` is one word: it is looked at from its beginning.
    while (scanner.word()) {
      const end = scanner.at;
      const column = COLUMNS.find(({ key }) => startsWithKey(scanner, key));
      if (column === undefined) continue;
      scanner.at = scanner.wordStart + column.key.length + 1;
      values.set(row + column.index, scanner.numberFor(row + column.index));
      scanner.at = end;
    }
  };
  return {
    path,
    parse: (scanner) => {
      list.begin();
      for (; !scanner.isAtEnd; scanner.skipLine()) {
        const row = scanner.word() ? list.find(scanner) : undefined;
        if (row !== undefined) parseDevice(scanner, row);
      }
      list.end();
    },
    clear: () => list.clear(),
  };
}

function startsWithKey({ bytes, wordStart, wordEnd }: Scanner, key: Uint8Array): boolean {
  if (wordEnd - wordStart <= key.length || bytes[wordStart + key.length] !== EQUALS) return false;
  return key.every((byte, index) => bytes[wordStart + index] === byte);
}
