import type { LogRecord } from "../control-messages.ts";
import { tether } from "../generated/control.js";
import { crc32 } from "./crc32.ts";
import { HEADER_BYTES, MAGIC, MAX_RECORD_BYTES, readCrc } from "./frame.ts";

/** A record and its place in the stream. */
export interface PlacedRecord {
  readonly record: LogRecord;
  /** Offset of the record's first byte. */
  readonly start: number;
  /** Offset behind its last byte. */
  readonly end: number;
}

/** A varint of MAX_RECORD_BYTES. */
const MAX_SIZE_BYTES = 3;

/** The last bytes of a chunk in which a record may have begun that cannot be recognised yet. */
const UNDECIDED_BYTES = MAX_SIZE_BYTES + MAGIC.length - 1;

/**
 * How much may be summed up in vain, beyond as much again as was read. A hostile guest can write beginnings of large
 * records one behind the other, each of which costs a sum over all that it claims.
 */
const VAIN_BYTES = 32 * MAX_RECORD_BYTES;

/** What stands at a place: a whole record, the beginning of one (perhaps), or neither. */
type Found =
  | { readonly kind: "record"; readonly record: LogRecord; readonly end: number }
  | { readonly kind: "passed"; readonly end: number }
  | { readonly kind: "incomplete" }
  | { readonly kind: "damage"; readonly claimedEnd: number };

/**
 * Finds the records of a log, however its bytes were chunked, and the next good one behind every damage. Holds one
 * record and one chunk at most.
 *
 * Within a record that was cut, what the container's process printed might look like records. It would gain nothing:
 * it may print what it likes anyway.
 */
export class LogDecoder {
  #pending: Buffer = Buffer.alloc(0);
  /** Offset of #pending in the stream. */
  #offset: number;
  #damagedBytes = 0;
  #readBytes = 0;
  #vainBytes = 0;
  readonly #passesOutput: boolean;

  /**
   * @param offset of the first byte that comes.
   * @param passesOutput whether records of output are found, but not given: a log is nothing else for the most part.
   */
  constructor(offset = 0, { passesOutput = false }: { readonly passesOutput?: boolean } = {}) {
    this.#offset = offset;
    this.#passesOutput = passesOutput;
  }

  /** Bytes so far that belong to no record. */
  get damagedBytes(): number {
    return this.#damagedBytes;
  }

  /** Bytes that may be the beginning of a record. */
  get pendingBytes(): number {
    return this.#pending.length;
  }

  /** Gives the records that are now complete. Their data are views of the chunk where they can be. */
  *push(chunk: Buffer): Generator<PlacedRecord, void, undefined> {
    this.#readBytes += chunk.length;
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    yield* this.#drain();
  }

  /** Nothing more comes: gives the records behind the beginning of one that is never completed. */
  *end(): Generator<PlacedRecord, void, undefined> {
    while (this.#pending.length > 0) {
      const next = this.#nextCandidate(1);
      this.#damagedBytes += next;
      this.#forget(next);
      yield* this.#drain();
    }
  }

  *#drain(): Generator<PlacedRecord, void, undefined> {
    let index = 0;
    for (;;) {
      const found = this.#read(index);
      if (found.kind === "incomplete") break;
      if (found.kind === "record") {
        const { record, end } = found;
        const placed = { record, start: this.#offset + index, end: this.#offset + end };
        index = end;
        yield placed;
        continue;
      }
      if (found.kind === "passed") {
        index = found.end;
        continue;
      }
      const next = this.#nextCandidate(Math.max(index + 1, this.#afterVain(found.claimedEnd)));
      this.#damagedBytes += next - index;
      index = next;
    }
    this.#forget(index);
  }

  #read(index: number): Found {
    const bytes = this.#pending;
    const header = sizeAt(bytes, index);
    if (header === undefined) return bytes.length - index < MAX_SIZE_BYTES ? INCOMPLETE : DAMAGE;
    const end = header.start + header.size;
    if (!startsLikeMagic(bytes, header.start)) return DAMAGE;
    if (end > bytes.length) return INCOMPLETE;
    const body = header.start + HEADER_BYTES;
    const isWhole = readCrc(bytes, header.start) === crc32(bytes, body, end);
    if (isWhole && this.#passesOutput && isOutput(bytes, body)) return { kind: "passed", end };
    const record = isWhole ? parse(bytes, body, end) : undefined;
    if (record !== undefined) return { kind: "record", record, end };
    this.#vainBytes += header.size;
    return { kind: "damage", claimedEnd: end };
  }

  /** What a damaged record claims is passed over, once too much was summed up in vain. */
  #afterVain(claimedEnd: number): number {
    return this.#vainBytes > VAIN_BYTES + this.#readBytes ? claimedEnd : 0;
  }

  /** Where the next record may begin, from `index` on. */
  #nextCandidate(index: number): number {
    const magic = this.#pending.indexOf(MAGIC, index + 1);
    const next = magic === -1 ? this.#pending.length - UNDECIDED_BYTES : magic - MAX_SIZE_BYTES;
    return Math.min(Math.max(index, next), this.#pending.length);
  }

  #forget(bytes: number): void {
    this.#pending = this.#pending.subarray(bytes);
    this.#offset += bytes;
  }
}

const INCOMPLETE: Found = { kind: "incomplete" };
const DAMAGE: Found = { kind: "damage", claimedEnd: 0 };

/** The size of a record and where it starts; undefined for what cannot be one, or is not there yet. */
function sizeAt(bytes: Buffer, index: number): { start: number; size: number } | undefined {
  let size = 0;
  for (let count = 0; count < MAX_SIZE_BYTES; count++) {
    const byte = bytes[index + count];
    if (byte === undefined) return undefined;
    size |= (byte & 0x7f) << (7 * count);
    if ((byte & 0x80) !== 0) continue;
    const isPossible = size >= HEADER_BYTES && size <= MAX_RECORD_BYTES;
    return isPossible ? { start: index + count + 1, size } : undefined;
  }
  return undefined;
}

function startsLikeMagic(bytes: Buffer, index: number): boolean {
  for (let count = 0; count < MAGIC.length && index + count < bytes.length; count++)
    if (bytes[index + count] !== MAGIC[count]) return false;
  return true;
}

/** As the guest writes it, behind the time. What is written otherwise is parsed like everything else. */
function isOutput(bytes: Buffer, body: number): boolean {
  const timeBytes = bytes[body + 1] ?? 0;
  return bytes[body] === TIME_TAG && bytes[body + 2 + timeBytes] === OUTPUT_TAG;
}

/** Field number and wire type of LogRecord.time and LogRecord.output. */
const TIME_TAG = 0x0a;
const OUTPUT_TAG = 0x1a;

function parse(bytes: Buffer, start: number, end: number): LogRecord | undefined {
  try {
    return tether.control.LogRecord.decode(bytes.subarray(start, end));
  } catch {
    // The sum is right, so somebody made it so: to the reader it is damage like any other.
    return undefined;
  }
}
