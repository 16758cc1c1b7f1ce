import type { EntryList } from "../reading/entry-list.ts";
import type { KernelFile } from "../reading/kernel-files.ts";
import type { Scanner } from "../reading/scanner.ts";
import type { Values } from "../values/values.ts";

/** One column of a line: how far its number's slot is from the row's first, and what it is multiplied by. */
export interface Column {
  /** Undefined: it is passed over. */
  readonly index: number | undefined;
  readonly scale?: number;
}

/** What a file of columns is. */
export interface ColumnsFileParts {
  readonly path: string;
  readonly values: Values;
  readonly list: EntryList;
  /** How many numbers an entry has. */
  readonly numbers: number;
  /** In the order of the line, behind the name. */
  readonly columns: readonly Column[];
  /** Goes to the name, which is the scanner's last word then; false for a line that has none. */
  readonly findName: (scanner: Scanner) => boolean;
}

/** A file with a line for each device: /proc/net/dev, /proc/diskstats. A column that an older kernel lacks is unset. */
export function columnsFile(parts: ColumnsFileParts): KernelFile {
  const { path, values, list, numbers, findName } = parts;
  const columns = parts.columns.map(({ index, scale = 1 }) => ({ index, scale }));
  const parseLine = (scanner: Scanner, row: number): void => {
    values.clear(row, numbers);
    for (const { index, scale } of columns) {
      if (index === undefined) scanner.word();
      else values.set(row + index, scanner.numberFor(row + index, scale));
    }
  };
  return {
    path,
    parse: (scanner) => {
      list.begin();
      for (; !scanner.isAtEnd; scanner.skipLine()) {
        const row = findName(scanner) ? list.find(scanner) : undefined;
        if (row !== undefined) parseLine(scanner, row);
      }
      list.end();
    },
    clear: () => list.clear(),
  };
}
