import { basename, dirname, normalize, resolve } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";

/** What is copied. */
export interface CopySource {
  /** As given, or where a link that is followed leads. */
  readonly path: string;
  readonly isFolder: boolean;
}

/** Where it is copied to. */
export interface CopyDestination {
  readonly path: string;
  /** Undefined: nothing is there yet. */
  readonly there: "folder" | "file" | undefined;
}

/** How an archive is unpacked so that the copy comes out as asked for. */
export interface CopyPlan {
  /** The folder to unpack in. */
  readonly folder: string;
  /** What the archive's first name becomes; undefined: stays. */
  readonly name: string | undefined;
}

/**
 * `docker cp`'s table (docs/reference/commandline/cp.md; moby, pkg/archive, PrepareArchiveCopy): into a folder that
 * is there; over a file; or under a new name in the folder above.
 *
 * @throws TetherError `copy-impossible` in Docker's words.
 */
export function planCopy(source: CopySource, destination: CopyDestination): CopyPlan {
  const { path, there } = destination;
  if (there === "folder") return { folder: path, name: undefined };
  if (there === "file" && source.isFolder) throw new TetherError("copy-impossible", "cannot copy directory");
  if (there === undefined && !source.isFolder && assertsFolder(path))
    throw new TetherError("copy-impossible", "no such directory");
  return splitPath(path);
}

/** A path from the root on, by its text; what makes it a folder's, `/` or `/.`, stays. */
export function absolutePath(base: string, path: string): string {
  const whole = resolve(base, path);
  const above = whole === "/" ? "" : whole;
  if (isContent(path)) return `${above}/.`;
  return path.endsWith("/") ? `${above}/` : whole;
}

/** A path that can only be a folder's: `x/` or `x/.`. */
export function assertsFolder(path: string): boolean {
  return path.endsWith("/") || isContent(path);
}

/** A path that means what is in the folder: `x/.` or `.`. */
export function isContent(path: string): boolean {
  return basename(path) === "." && /(?:^|\/)\.$/.test(path);
}

/** The folder that a path lies in, and its name there; `x/.` is `.` in `x`. */
export function splitPath(path: string): { folder: string; name: string } {
  if (isContent(path))
    return { folder: normalize(`${path.slice(0, -1)}./`).replace(/(?<=.)\/$/, ""), name: "." };
  const whole = normalize(path).replace(/(?<=.)\/$/, "");
  return { folder: dirname(whole), name: basename(whole) || "." };
}
