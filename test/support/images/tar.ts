/** One member of a tar, as a test wants it: also one that no tar program would write. */
export interface TarEntry {
  /** A string is written as UTF-8; a Buffer as it is. */
  readonly name: string | Buffer;
  /** Default: a folder when the name ends in a slash, else a file. */
  readonly type?: "file" | "folder" | "symlink" | "link" | "character" | "block" | "fifo";
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly data?: string | Buffer;
  readonly linkname?: string;
  /** Seconds since 1970. */
  readonly mtime?: number;
  readonly major?: number;
  readonly minor?: number;
  /** Written as pax `SCHILY.xattr.NAME`. */
  readonly xattrs?: Readonly<Record<string, string | Buffer>>;
}

const TYPE_FLAGS = { file: "0", link: "1", symlink: "2", character: "3", block: "4", folder: "5", fifo: "6" };
const BLOCK = 512;
const OLDEST_FILE = Date.UTC(2020, 0, 1) / 1000;

/** The largest number that seven octal digits hold. */
const OCTAL_LIMIT = 0o7777777;

/** A whole tar with these members: ustar, with a pax header where ustar is too narrow. */
export function makeTar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(member), Buffer.alloc(2 * BLOCK)]);
}

function member(entry: TarEntry): Buffer[] {
  const name = Buffer.from(entry.name as string);
  const type = entry.type ?? (name.at(-1) === 0x2f ? "folder" : "file");
  const data = Buffer.from((entry.data ?? "") as string);
  const { uid = 0, gid = 0, linkname = "", xattrs = {} } = entry;
  const pax: [string, string | Buffer][] = Object.entries(xattrs).map(([key, value]) => [
    `SCHILY.xattr.${key}`,
    value,
  ]);
  if (name.length > 100) pax.push(["path", name]);
  if (Buffer.byteLength(linkname) > 100) pax.push(["linkpath", linkname]);
  if (uid > OCTAL_LIMIT) pax.push(["uid", String(uid)]);
  if (gid > OCTAL_LIMIT) pax.push(["gid", String(gid)]);
  const extended = Buffer.concat(pax.map(paxRecord));
  return [
    ...(pax.length === 0
      ? []
      : [header({ name: Buffer.from("pax"), flag: "x", size: extended.length }), padded(extended)]),
    header({
      ...entry,
      name,
      linkname,
      flag: TYPE_FLAGS[type],
      size: data.length,
      mode: entry.mode ?? (type === "folder" ? 0o755 : 0o644),
    }),
    padded(data),
  ];
}

type Header = Omit<TarEntry, "name" | "type"> & { name: Buffer; flag: string; size: number };

function header({
  name,
  flag,
  size,
  mode = 0,
  uid = 0,
  gid = 0,
  mtime = OLDEST_FILE,
  linkname = "",
  major = 0,
  minor = 0,
}: Header): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number) =>
    block.write(value.toString(8).padStart(digits, "0"), at, "latin1");
  name.copy(block, 0, 0, 100);
  octal(mode, 100, 7);
  octal(Math.min(uid, OCTAL_LIMIT), 108, 7);
  octal(Math.min(gid, OCTAL_LIMIT), 116, 7);
  octal(size, 124, 11);
  octal(mtime, 136, 11);
  block.write(`        ${flag}`, 148, "latin1");
  block.write(linkname, 157, 100);
  block.write("ustar\x0000", 257, "latin1");
  octal(major, 329, 7);
  octal(minor, 337, 7);
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  block[154] = 0;
  return block;
}

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function paxRecord([key, value]: readonly [string, string | Buffer]): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)]);
}
