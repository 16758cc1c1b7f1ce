import { closeSync, constants, openSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { namesIn, O_PATH, statusOf, tryNameAt } from "../protocol/archive/directory.ts";
import { type ByteString, packContent, toText } from "../protocol/archive/index.ts";
import type { ListedFile } from "../protocol/archive-commands.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { System } from "../system/system.ts";
import { systemFileCalls } from "./system-file-calls.ts";

/** Packs a container's own disk as Docker's `export`. @param path where it is mounted. */
export async function* packDisk(system: System, path: string): AsyncGenerator<Buffer> {
  const directory = openDisk(path);
  try {
    yield* packContent(directory, systemFileCalls(system));
  } finally {
    closeSync(directory);
  }
}

/** Fits into an SSH packet. */
const PIECE_BYTES = 32 * 1024;
/** The agent has others to serve: it turns to them after so many files. */
const FILES_AT_ONCE = 64;
/** Each level holds a descriptor or two; Linux's longest path (4096 bytes) has up to 2048 levels. */
const DEEPEST_LEVEL = 1000;

/** Lists all files of a container's own disk, each {@link ListedFile} on a line. @param path where it is mounted. */
export async function* listDisk(path: string): AsyncGenerator<Buffer> {
  const directory = openDisk(path);
  let text = "";
  let count = 0;
  try {
    for (const file of listFolder(directory, "", 0)) {
      text += `${JSON.stringify(file)}\n`;
      if (++count % FILES_AT_ONCE === 0) await setImmediate();
      if (text.length < PIECE_BYTES) continue;
      yield Buffer.from(text);
      text = "";
    }
    yield Buffer.from(text);
  } finally {
    closeSync(directory);
  }
}

/** A folder comes before what is in it. What vanishes meanwhile is left out. */
function* listFolder(directory: number, path: ByteString, level: number): Generator<ListedFile> {
  if (level === DEEPEST_LEVEL)
    throw new TetherError("copy-impossible", `${toText(path)} is over ${DEEPEST_LEVEL} levels deep`);
  for (const name of namesIn(directory)) {
    const named = tryNameAt(directory, name);
    if (named === undefined) continue;
    try {
      const status = statusOf(named);
      const hasSize = status.isFile() || status.isSymbolicLink();
      const { mode, uid, gid, size, mtimeNs, rdev } = status;
      yield [
        `${path}/${name}`,
        Number(mode),
        Number(uid),
        Number(gid),
        hasSize ? Number(size) : 0,
        String(mtimeNs),
        Number(rdev),
      ];
      if (status.isDirectory()) yield* listFolder(named, `${path}/${name}`, level + 1);
    } finally {
      closeSync(named);
    }
  }
}

function openDisk(path: string): number {
  try {
    return openSync(path, O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    throw TetherError.from(error, "internal", "the container's disk");
  }
}
