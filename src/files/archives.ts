import { closeSync, constants } from "node:fs";
import {
  type ByteString,
  type ByteSource,
  packTree,
  TarReader,
  toText,
  unpackTree,
} from "../protocol/archive/index.ts";
import { nameAt, O_PATH, statusOf } from "../protocol/archive/directory.ts";
import { isLinkMode, type PathStatus } from "../protocol/archive-commands.ts";
import { hasCode, TetherError } from "../protocol/errors/index.ts";
import { type ContainerRoot, normalize } from "./container-root.ts";
import { systemFileCalls } from "./system-file-calls.ts";

/** What a path in a container names; a link is itself unless the path ends in a slash. @throws TetherError `file-not-found`. */
export function statPath(root: ContainerRoot, path: ByteString): PathStatus {
  return described(path, () => {
    using place = root.locate(path);
    const descriptor = nameAt(place.directory, place.name);
    try {
      const status = statusOf(descriptor);
      const mode = Number(status.mode);
      return {
        name: toText(lastName(path)),
        size: Number(status.size),
        mode,
        modifiedNs: String(status.mtimeNs),
        linkTarget: isLinkMode(mode) ? toText(root.resolve(path)) : "",
      };
    } finally {
      closeSync(descriptor);
    }
  });
}

/**
 * Packs what a path names, as Docker's `GET /containers/ID/archive`: the first member has the path's last name,
 * `PATH/.` gives the folder's content below `./`.
 */
export async function* packPath(root: ContainerRoot, path: ByteString): AsyncGenerator<Buffer> {
  using place = described(path, () => root.locate(path));
  // Said before the first byte, in Docker's words.
  closeSync(described(path, () => nameAt(place.directory, place.name)));
  const last = lastName(path);
  const archiveName = last === "/" ? "." : last;
  yield* packTree({ ...place, archiveName }, systemFileCalls(root.system));
}

/** How an archive is put into a container. */
export interface PutOptions {
  readonly keepsDirectories: boolean;
  /** Whose the files become; undefined: as the archive says. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
}

/** Unpacks an archive into a folder of the container, as Docker's `PUT /containers/ID/archive`. */
export async function unpackInto(
  root: ContainerRoot,
  path: ByteString,
  source: ByteSource,
  { keepsDirectories, owner }: PutOptions,
): Promise<void> {
  const folder = normalize(path);
  const target = described(path, () => root.open(folder, O_PATH | constants.O_DIRECTORY));
  try {
    await unpackTree(target, new TarReader(source), {
      calls: systemFileCalls(root.system),
      // A link of the image's (/lib) is a way, within the container.
      follow: (below) => root.open(`${folder}/${below.join("/")}`, O_PATH | constants.O_DIRECTORY),
      keepsDirectories,
      owner: owner ?? "as-archived",
      keepsSetId: true,
    });
    // Whoever sends may send more than the archive's end.
    await source.drain();
  } finally {
    closeSync(target);
  }
}

/** `/` for the root, `.` where the path ends so. */
function lastName(path: ByteString): ByteString {
  const whole = normalize(path);
  if (whole === "/") return "/";
  return path.endsWith("/.") ? "." : whole.slice(whole.lastIndexOf("/") + 1);
}

/** Says what the kernel refused in Docker's words. */
function described<Result>(path: ByteString, call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    const text = toText(path);
    if (hasCode(error, "ENOENT", "ENOTDIR") && !(error instanceof TetherError))
      throw new TetherError(
        "file-not-found",
        hasCode(error, "ENOTDIR") ? `${text} is not a directory` : `Could not find the file ${text}`,
        { cause: error },
      );
    throw TetherError.from(error, "copy-impossible", text);
  }
}
