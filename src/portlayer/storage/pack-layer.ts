import {
  ARCHIVE_END,
  type ByteString,
  ByteSource,
  encodeEntry,
  endOfEntry,
  TarReader,
  type TarEntry,
} from "../../protocol/archive/index.ts";
import { CHANGE_KINDS, type FileChange } from "./compare-files.ts";

/** OCI's name of a file that is deleted (image-spec, "Whiteouts"). */
const WHITEOUT = ".wh.";

/**
 * Makes an image's layer of an archive of all of a container's files: what has been added and modified, and a whiteout for
 * each that was deleted.
 *
 * @param archive is read once.
 */
export async function* packLayer(
  archive: AsyncIterable<Uint8Array>,
  changes: readonly FileChange[],
): AsyncGenerator<Uint8Array> {
  const wanted = new Set<ByteString>();
  for (const { path, kind } of changes)
    if (kind === CHANGE_KINDS.deleted) yield encodeEntry(whiteout(path));
    else wanted.add(path);
  const reader = new TarReader(new ByteSource(archive));
  for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) {
    if (!wanted.has(`/${entry.name.replace(/\/$/, "")}`)) continue;
    yield encodeEntry(entry);
    for (let piece = await reader.content(); piece !== undefined; piece = await reader.content()) yield piece;
    yield endOfEntry(entry);
  }
  yield ARCHIVE_END;
}

function whiteout(path: ByteString): TarEntry {
  const slash = path.lastIndexOf("/");
  return {
    name: `${path.slice(1, slash + 1)}${WHITEOUT}${path.slice(slash + 1)}`,
    kind: "file",
    mode: 0o600,
    uid: 0,
    gid: 0,
    modifiedNs: 0n,
    size: 0,
    linkTarget: "",
    major: 0,
    minor: 0,
    attributes: new Map(),
  };
}
