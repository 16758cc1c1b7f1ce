import { join } from "node:path";
import { type MessageShape, messageShape } from "../encoding/shape.ts";
import type { KernelFile } from "../reading/kernel-files.ts";
import type { Scanner } from "../reading/scanner.ts";
import { FIELDS, GROUP, SAMPLE_FIELD } from "../values/schema.ts";
import type { Values } from "../values/values.ts";
import type { Collector, CollectorParts } from "./collector.ts";

/** The fields of ContainerPressure and of Pressure. */
const RESOURCES = [
  { name: "cpu", field: 1 },
  { name: "memory", field: 2 },
  { name: "io", field: 3 },
] as const;
const LINES = [
  { name: "some", key: Buffer.from("some"), field: 1 },
  { name: "full", key: Buffer.from("full"), field: 2 },
] as const;

const EQUALS = 0x3d;

/** How long the container's processes wait for what they lack (psi.rst). */
export function containerPressure({ values, folders }: CollectorParts): Collector {
  const files: KernelFile[] = [];
  const children: MessageShape[] = [];
  for (const { name, field } of RESOURCES) {
    const rows = LINES.map((line) => values.add(`pressure-${name}-${line.name}`, FIELDS.Stall));
    const stalls = LINES.map((line, index) =>
      messageShape({ field: line.field, row: rows[index] ?? 0, numbers: FIELDS.Stall }),
    );
    children.push(messageShape({ field, children: stalls }));
    files.push(pressureFile(join(folders.container, `${name}.pressure`), rows, values));
  }
  const group = GROUP.CONTAINER_PRESSURE;
  const messages = [messageShape({ field: SAMPLE_FIELD[group], children })];
  return { group, files, messages: () => messages };
}

/** Lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`. */
function pressureFile(path: string, rows: readonly number[], values: Values): KernelFile {
  const clear = (): void => {
    for (const row of rows) values.clear(row, FIELDS.Stall.length);
  };
  return {
    path,
    parse: (scanner) => {
      clear();
      for (; !scanner.isAtEnd; scanner.skipLine()) {
        scanner.word();
        const row = rows[LINES.findIndex(({ key }) => scanner.isWord(key))];
        if (row !== undefined) parseStall(scanner, row, values);
      }
    },
    clear,
  };
}

function parseStall(scanner: Scanner, row: number, values: Values): void {
  const last = FIELDS.Stall.length - 1;
  for (let index = 0; index <= last; index++) {
    if (!skipKey(scanner)) return;
    const slot = row + index;
    values.set(slot, index === last ? scanner.numberFor(slot) : scanner.hundredthsFor(slot));
  }
}

/** To behind the next equals sign of this word. */
function skipKey(scanner: Scanner): boolean {
  scanner.word();
  const equals = scanner.bytes.indexOf(EQUALS, scanner.wordStart);
  scanner.at = equals < 0 || equals >= scanner.wordEnd ? scanner.wordEnd : equals + 1;
  return scanner.at < scanner.wordEnd;
}
