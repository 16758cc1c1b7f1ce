import type { ByteSource } from "./byte-source.ts";
import { type ByteString, fromBytes } from "./byte-string.ts";
import { decodePaxRecords, type PaxRecord, parsePaxTime } from "./pax-records.ts";
import { contentBytes, type EntryKind, type TarEntry } from "./tar-entry.ts";
import { BLOCK_BYTES, badArchive, PAX_HEADER, paddingAfter, TYPE_FLAGS } from "./tar-format.ts";
import { decodeHeader, isZeroBlock, type RawHeader } from "./tar-header.ts";
import { readSparseMap } from "./tar-sparse.ts";

/** An extended header may hold a few attributes of 64 KiB; more is an attack on our memory. */
const LONGEST_EXTENDED_HEADER = 1024 * 1024;

/**
 * Reads a tar archive of any format in use (v7, ustar, GNU, pax; sparse files) member by member, with memory
 * for one header and one chunk.
 */
export class TarReader {
  readonly #source: ByteSource;
  /** Records of global pax headers: they hold for every later member. */
  #global: readonly PaxRecord[] = [];
  #content = 0;
  #padding = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /**
   * The next member; what was left of the one before is passed over.
   *
   * @returns undefined at the archive's end.
   * @throws TetherError `archive-invalid`.
   */
  async next(): Promise<TarEntry | undefined> {
    await this.#source.skip(this.#content + this.#padding);
    [this.#content, this.#padding] = [0, 0];
    const extended = new ExtendedHeaders(this.#global);
    for (;;) {
      const block = await this.#source.read(BLOCK_BYTES);
      if (block === undefined || isZeroBlock(block)) {
        if (extended.isUsed) throw badArchive("it ends after an extended header");
        return undefined;
      }
      // The block may be a view of a chunk that the next read lets go of.
      const header = decodeHeader(Buffer.from(block));
      if (EXTENDED_TYPES.has(header.type)) await this.#readExtended(header, extended);
      else if (!IGNORED_TYPES.has(header.type)) return this.#begin(header, extended);
      else await this.#source.skip(header.size + paddingAfter(header.size));
    }
  }

  /** A piece of the present member's content, at most so many bytes; undefined when all of it was given. */
  async content(most: number = Number.MAX_SAFE_INTEGER): Promise<Buffer | undefined> {
    if (this.#content === 0) return undefined;
    const piece = await this.#source.next(Math.min(most, this.#content));
    if (piece === undefined) throw badArchive("it ends too soon");
    this.#content -= piece.length;
    return piece;
  }

  async #readExtended(header: RawHeader, extended: ExtendedHeaders): Promise<void> {
    const { size, type } = header;
    extended.bytes += size;
    if (extended.bytes > LONGEST_EXTENDED_HEADER) throw badArchive("extended headers of over 1 MiB");
    const content = Buffer.from((await this.#source.read(size + paddingAfter(size))) ?? badEnd());
    const text = content.subarray(0, size);
    if (type === "g") this.#global = decodePaxRecords(text);
    else extended.add(type, text);
  }

  async #begin(header: RawHeader, extended: ExtendedHeaders): Promise<TarEntry> {
    const records = extended.records;
    const kind = kindOf(header);
    const stored = kind === "file" ? (extended.number("size") ?? header.size) : 0;
    const map = kind === "file" ? await readSparseMap(header, records, stored, this.#source) : undefined;
    const entry: TarEntry = {
      name: map?.name ?? extended.name ?? header.name,
      kind,
      mode: header.mode,
      uid: extended.number("uid") ?? header.uid,
      gid: extended.number("gid") ?? header.gid,
      modifiedNs: extended.modifiedNs ?? BigInt(header.seconds) * 1_000_000_000n,
      size: map?.size ?? stored,
      linkTarget: kind === "symlink" || kind === "hardlink" ? (extended.linkTarget ?? header.linkTarget) : "",
      major: header.major,
      minor: header.minor,
      attributes: extended.attributes,
      ...(map === undefined ? {} : { extents: map.extents }),
    };
    this.#content = contentBytes(entry);
    this.#padding = paddingAfter(this.#content);
    return entry;
  }
}

const GNU_LONG_NAME = "L";
const GNU_LONG_LINK = "K";
const EXTENDED_TYPES: ReadonlySet<string> = new Set([PAX_HEADER, "g", GNU_LONG_NAME, GNU_LONG_LINK]);
/** GNU's volume label. */
const IGNORED_TYPES: ReadonlySet<string> = new Set(["V"]);

const KINDS: ReadonlyMap<string, EntryKind> = new Map([
  ...Object.entries(TYPE_FLAGS).map(([kind, flag]) => [flag, kind as EntryKind] as const),
  // v7's flag, POSIX's reserved one, and GNU's for sparse files.
  ["", "file"],
  ["7", "file"],
  ["S", "file"],
]);

function kindOf({ type, name }: RawHeader): EntryKind {
  const kind = KINDS.get(type);
  if (kind === undefined) throw badArchive(`a member of the unknown type ${JSON.stringify(type)}`);
  // v7 tells directories so.
  return kind === "file" && type === "" && name.endsWith("/") ? "directory" : kind;
}

const ATTRIBUTE = "SCHILY.xattr.";

/** What the extended headers before a member say about it: the last word counts. */
class ExtendedHeaders {
  #records: readonly PaxRecord[];
  bytes = 0;
  isUsed = false;
  #longName: ByteString | undefined;
  #longLink: ByteString | undefined;

  constructor(global: readonly PaxRecord[]) {
    this.#records = global;
  }

  add(type: string, content: Buffer): void {
    this.isUsed = true;
    const end = content.indexOf(0);
    const text = (): ByteString => fromBytes(end < 0 ? content : content.subarray(0, end));
    if (type === GNU_LONG_NAME) this.#longName = text();
    else if (type === GNU_LONG_LINK) this.#longLink = text();
    else this.#records = [...this.#records, ...decodePaxRecords(content)];
  }

  get records(): readonly PaxRecord[] {
    return this.#records;
  }

  get name(): ByteString | undefined {
    return this.#text("path") ?? this.#longName;
  }

  get linkTarget(): ByteString | undefined {
    return this.#text("linkpath") ?? this.#longLink;
  }

  get modifiedNs(): bigint | undefined {
    const text = this.#text("mtime");
    return text === undefined ? undefined : parsePaxTime(text);
  }

  get attributes(): Map<ByteString, Uint8Array> {
    const all = this.#records.filter(([keyword]) => keyword.startsWith(ATTRIBUTE));
    return new Map(all.map(([keyword, value]) => [keyword.slice(ATTRIBUTE.length), value]));
  }

  number(keyword: string): number | undefined {
    const text = this.#text(keyword);
    if (text === undefined) return undefined;
    if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text)))
      throw badArchive(`a pax header whose ${keyword} is no number`);
    return Number(text);
  }

  /** An empty value takes a global one back. */
  #text(keyword: string): ByteString | undefined {
    const value = this.#records.findLast(([name]) => name === keyword)?.[1];
    if (value === undefined || value.length === 0) return undefined;
    if (value.includes(0)) throw badArchive(`a pax header whose ${keyword} has a NUL`);
    return fromBytes(value);
  }
}

function badEnd(): never {
  throw badArchive("it ends too soon");
}
