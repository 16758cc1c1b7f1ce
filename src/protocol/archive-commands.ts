import { type ByteString, fromBytes, toBytes } from "./archive/byte-string.ts";

/**
 * The commands with which files are copied into and out of a container: each runs on an SSH channel of its own
 * (`exec`), with the path in base64url, so that it may hold any byte.
 *
 * - `archive-stat PATH`: prints a {@link PathStatus} as one line of JSON.
 * - `archive-get PATH`: prints the same line, then a tar archive.
 * - `archive-put PATH [keep-directories] [container-owner]`: unpacks the tar archive on its input.
 * - `archive-export`: prints a tar archive of the container's own disk, without what is mounted over it.
 * - `archive-list`: prints what is on that disk: for each file a {@link ListedFile} as one line of JSON.
 *
 * The exit status is 0, or 1 with a {@link CommandFailure} as one line of JSON on standard error; an archive
 * without exit status 0 behind it is not complete.
 */
export type ArchiveCommand =
  | { readonly do: "stat" | "get"; readonly path: ByteString }
  | { readonly do: "export" }
  | { readonly do: "list" }
  | {
      readonly do: "put";
      readonly path: ByteString;
      /** Docker's noOverwriteDirNonDir. */
      readonly keepsDirectories: boolean;
      /** Docker's copyUIDGID: files become the container's user's. */
      readonly asContainerUser: boolean;
    };

/** What a path in a container names, as `archive-stat` tells it: the link itself where it is one. */
export interface PathStatus {
  /** The last part of the path that was asked for: `/`, `.` or a name. */
  readonly name: string;
  readonly size: number;
  /** Linux's st_mode, with the type. */
  readonly mode: number;
  /** Nanoseconds since 1970, as a decimal number: JSON has none so exact. */
  readonly modifiedNs: string;
  /** Of a symbolic link, the path in the container that it leads to; otherwise empty. */
  readonly linkTarget: string;
}

/**
 * A file of a container's disk: its path from the root on, Linux's st_mode, owner and group, size in bytes (0 of what is
 * no regular file or link), when it was changed (nanoseconds since 1970, as a decimal number), and st_rdev of a device.
 */
export type ListedFile = readonly [
  path: ByteString,
  mode: number,
  uid: number,
  gid: number,
  size: number,
  modifiedNs: string,
  device: number,
];

/** Why a command failed: a code of the catalogue, and a line for the user. */
export interface CommandFailure {
  readonly code: string;
  readonly message: string;
}

/** A path that is longer is refused before it is decoded; Linux's longest has 4096 bytes. */
const LONGEST_COMMAND = 8192;

const KEEP_DIRECTORIES = "keep-directories";
const CONTAINER_OWNER = "container-owner";

/** The words of a command, for `exec`. */
export function formatArchiveCommand(command: ArchiveCommand): string {
  if (command.do === "export" || command.do === "list") return `archive-${command.do}`;
  const words = [`archive-${command.do}`, toBytes(command.path).toString("base64url")];
  if (command.do === "put" && command.keepsDirectories) words.push(KEEP_DIRECTORIES);
  if (command.do === "put" && command.asContainerUser) words.push(CONTAINER_OWNER);
  return words.join(" ");
}

/** @returns undefined for any other command. */
export function parseArchiveCommand(text: string): ArchiveCommand | undefined {
  if (text.length > LONGEST_COMMAND) return undefined;
  if (text === "archive-export") return { do: "export" };
  if (text === "archive-list") return { do: "list" };
  const match = /^archive-(?<verb>stat|get|put) (?<path>[\w-]+)(?<options>(?: [a-z-]+)*)$/.exec(text);
  if (match?.groups === undefined) return undefined;
  const path = fromBytes(Buffer.from(match.groups["path"] ?? "", "base64url"));
  const verb = match.groups["verb"];
  const options = new Set((match.groups["options"] ?? "").split(" ").slice(1));
  const isKnown = [...options].every((option) => option === KEEP_DIRECTORIES || option === CONTAINER_OWNER);
  if (path.includes("\0") || !isKnown) return undefined;
  if (verb === "put")
    return {
      do: "put",
      path,
      keepsDirectories: options.has(KEEP_DIRECTORIES),
      asContainerUser: options.has(CONTAINER_OWNER),
    };
  return options.size > 0 ? undefined : { do: verb === "get" ? "get" : "stat", path };
}

const S_IFMT = 0o170000;

/** Go's bits for st_mode's (package os, FileMode), in which Docker's API gives modes. */
const GO_TYPES: ReadonlyMap<number, number> = new Map([
  [0o040000, 2 ** 31],
  [0o120000, 2 ** 27],
  [0o060000, 2 ** 26],
  [0o020000, 2 ** 26 + 2 ** 21],
  [0o010000, 2 ** 25],
  [0o140000, 2 ** 24],
]);

/** Linux's st_mode as Docker's API shows it (the header X-Docker-Container-Path-Stat). */
export function toGoFileMode(mode: number): number {
  const isSet = (bit: number): boolean => (mode & bit) !== 0;
  return (
    (mode & 0o777) +
    (GO_TYPES.get(mode & S_IFMT) ?? 0) +
    (isSet(0o4000) ? 2 ** 23 : 0) +
    (isSet(0o2000) ? 2 ** 22 : 0) +
    (isSet(0o1000) ? 2 ** 20 : 0)
  );
}

/** True for st_mode of a directory. */
export function isDirectoryMode(mode: number): boolean {
  return (mode & S_IFMT) === 0o040000;
}

/** True for st_mode of a regular file. */
export function isFileMode(mode: number): boolean {
  return (mode & S_IFMT) === 0o100000;
}

/** True for st_mode of a symbolic link. */
export function isLinkMode(mode: number): boolean {
  return (mode & S_IFMT) === 0o120000;
}
