import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { ContainerRoot, packPath, type PutOptions, unpackInto } from "../../../src/files/index.ts";
import {
  ARCHIVE_END,
  ByteSource,
  encodeEntry,
  endOfEntry,
  fromText,
  type TarEntry,
} from "../../../src/protocol/archive/index.ts";
import { linux } from "../system/linux.ts";

/** Uses a folder as the root of a container. */
export async function withRoot<Result>(
  path: string,
  use: (root: ContainerRoot) => Promise<Result>,
): Promise<Result> {
  const descriptor = openSync(path, 0o10000000);
  try {
    return await use(new ContainerRoot(linux, descriptor));
  } finally {
    closeSync(descriptor);
  }
}

/** Packs a path of a container as one buffer. */
export async function pack(root: string, path: string): Promise<Buffer> {
  return withRoot(root, async (container) => {
    const archive: Buffer[] = [];
    for await (const piece of packPath(container, fromText(path))) archive.push(piece);
    return Buffer.concat(archive);
  });
}

/** Unpacks an archive, in pieces of the given size, into a folder of a container. */
export async function unpack(
  root: string,
  path: string,
  archive: Buffer,
  { pieceBytes = 64 * 1024, ...options }: Partial<PutOptions> & { pieceBytes?: number } = {},
): Promise<void> {
  await withRoot(root, (container) =>
    unpackInto(container, fromText(path), new ByteSource(pieces(archive, pieceBytes)), {
      keepsDirectories: false,
      owner: undefined,
      ...options,
    }),
  );
}

/** A stream that comes in pieces. */
export async function* pieces(content: Buffer, pieceBytes: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < content.length; start += pieceBytes)
    yield content.subarray(start, start + pieceBytes);
}

/** Runs GNU tar; its output. */
export function tar(args: readonly string[], input: Buffer = Buffer.alloc(0)): Buffer {
  return execFileSync("tar", [...args], { input, maxBuffer: 1 << 28, stdio: ["pipe", "pipe", "pipe"] });
}

/** A member with what a test does not care about filled in. */
export function entry(changes: Partial<TarEntry> & { readonly name: string }): TarEntry {
  return {
    kind: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    modifiedNs: 1_700_000_000_000_000_000n,
    size: 0,
    linkTarget: "",
    major: 0,
    minor: 0,
    attributes: new Map(),
    ...changes,
  };
}

/** An archive of these members, with their contents. */
export function archiveOf(...members: ReadonlyArray<readonly [TarEntry, string?]>): Buffer {
  const blocks = members.flatMap(([member, content = ""]) => {
    const sized = member.kind === "file" ? { ...member, size: content.length } : member;
    return [encodeEntry(sized), Buffer.from(content, "latin1"), endOfEntry(sized)];
  });
  return Buffer.concat([...blocks, ARCHIVE_END]);
}
