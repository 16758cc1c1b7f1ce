import type { ByteSource } from "./byte-source.ts";
import type { PaxRecord } from "./pax-records.ts";
import { type RawHeader, readNumber } from "./tar-header.ts";
import type { Extent } from "./tar-entry.ts";
import { BLOCK_BYTES, badArchive } from "./tar-format.ts";

/** A map has at most so many stretches: 32 MB of them, while a file of this many holes is hardly met. */
const MOST_EXTENTS = 500_000;

/** A sparse file's size with its holes, where its data is, and how much of the stored bytes the map took. */
export interface SparseMap {
  readonly name: string | undefined;
  readonly size: number;
  readonly extents: readonly Extent[];
  readonly mapBytes: number;
}

/**
 * Reads the map of a sparse file in any of GNU's formats ("GNU tar manual", Storing Sparse Files): old GNU
 * (flag S), and pax 0.0, 0.1 and 1.0. The map of 1.0 is taken from the source.
 *
 * @returns undefined for a file that is not sparse.
 * @throws TetherError `archive-invalid`, also for a map that does not fit the stored bytes.
 */
export async function readSparseMap(
  header: RawHeader,
  records: readonly PaxRecord[],
  storedBytes: number,
  source: ByteSource,
): Promise<SparseMap | undefined> {
  const values = new Map(records.map(([keyword, value]) => [keyword, value.toString("latin1")]));
  const name = values.get("GNU.sparse.name");
  const size = values.get("GNU.sparse.realsize") ?? values.get("GNU.sparse.size");
  if (header.type === "S") return checked(await readOldMap(header, source), storedBytes);
  if (size === undefined) return undefined;
  const realSize = parseNumber(size);
  if (values.get("GNU.sparse.major") === "1")
    return checked({ name, size: realSize, ...(await readMap10(source)) }, storedBytes);
  const map = values.get("GNU.sparse.map");
  const numbers = map === undefined ? numbers00(records) : map.split(",").map(parseNumber);
  return checked({ name, size: realSize, extents: pairs(numbers), mapBytes: 0 }, storedBytes);
}

/** 0.0: the keywords offset and numbytes, over and over. */
function numbers00(records: readonly PaxRecord[]): number[] {
  return records
    .filter(([keyword]) => keyword === "GNU.sparse.offset" || keyword === "GNU.sparse.numbytes")
    .map(([, value]) => parseNumber(value.toString("latin1")));
}

/** A count, then offset and length of each stretch, one number a line, up to the end of a block. */
async function readMap10(source: ByteSource): Promise<{ extents: Extent[]; mapBytes: number }> {
  const numbers: number[] = [];
  let text = "";
  let mapBytes = 0;
  const isComplete = (): boolean =>
    numbers[0] !== undefined && numbers.length === 1 + 2 * bounded(numbers[0]);
  while (!isComplete()) {
    const block = await source.read(BLOCK_BYTES);
    // A number has at most 16 digits; a block without a line is no map.
    if (block === undefined || text.length > 32) throw badArchive("a sparse file's map that is none");
    mapBytes += BLOCK_BYTES;
    const lines = (text + block.toString("latin1")).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) if (!isComplete()) numbers.push(parseNumber(line));
  }
  return { extents: pairs(numbers.slice(1)), mapBytes };
}

const OLD_ENTRY_BYTES = 24;

/** Four stretches in the header, 21 in each block that follows it. */
async function readOldMap({ block }: RawHeader, source: ByteSource): Promise<SparseMap> {
  const numbers: number[] = [];
  const take = (from: Buffer, start: number, count: number): void => {
    for (let index = 0; index < count; index++) {
      const offset = start + index * OLD_ENTRY_BYTES;
      if (from[offset] === 0) return;
      numbers.push(readNumber(from, [offset, 12]), readNumber(from, [offset + 12, 12]));
    }
  };
  take(block, 386, 4);
  for (let isExtended = block[482] === 1; isExtended; ) {
    const next = await source.read(BLOCK_BYTES);
    if (next === undefined) throw badArchive("it ends in a sparse file's map");
    take(next, 0, 21);
    bounded(numbers.length / 2);
    isExtended = next[504] === 1;
  }
  // These blocks are not part of the size that the header gives.
  return { name: undefined, size: readNumber(block, [483, 12]), extents: pairs(numbers), mapBytes: 0 };
}

function pairs(numbers: readonly number[]): Extent[] {
  bounded(numbers.length / 2);
  const extents: Extent[] = [];
  for (let index = 0; index + 1 < numbers.length; index += 2)
    extents.push({ offset: numbers[index] ?? 0, length: numbers[index + 1] ?? 0 });
  return extents;
}

function bounded(count: number): number {
  if (count > MOST_EXTENTS) throw badArchive(`a sparse file in over ${MOST_EXTENTS} pieces`);
  return count;
}

function parseNumber(text: string): number {
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text)))
    throw badArchive("a number in a sparse file's map that is none");
  return Number(text);
}

function checked(map: SparseMap, storedBytes: number): SparseMap {
  let end = 0;
  let sum = map.mapBytes;
  for (const { offset, length } of map.extents) {
    if (offset < end) throw badArchive("a sparse file whose pieces overlap");
    end = offset + length;
    sum += length;
  }
  if (end > map.size || sum !== storedBytes) throw badArchive("a sparse file whose pieces do not fit");
  return map;
}
