import { fromText } from "../../protocol/archive/index.ts";
import type { ListedFile, PathStatus } from "../../protocol/archive-commands.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { decompressed } from "./archive-compression.ts";
import {
  ArchiveChannel,
  type CommandRunner,
  parseListedFile,
  parseStatus,
  splitLine,
} from "./archive-channel.ts";

/** What `docker cp` and Docker's archive endpoints do with a running container's files. Paths begin at its root. */

/** `HEAD /containers/ID/archive`. @throws TetherError `file-not-found`. */
export async function statInContainer(runner: CommandRunner, path: string): Promise<PathStatus> {
  const channel = await ArchiveChannel.open(runner, { do: "stat", path: fromText(path) });
  channel.endInput();
  let text = Buffer.alloc(0);
  for await (const chunk of channel.output()) {
    text = Buffer.concat([text, chunk]);
    splitLine(text);
  }
  await channel.succeed();
  return parseStatus(text.toString("utf8"));
}

/** What a path names, and an archive of it. */
export interface ContainerArchive {
  readonly status: PathStatus;
  /** Is read once; breaking off ends the command. Throws what kept the guest from sending all of it. */
  readonly archive: AsyncIterable<Uint8Array>;
}

/** `GET /containers/ID/archive`. @throws TetherError `file-not-found`. */
export async function copyFromContainer(runner: CommandRunner, path: string): Promise<ContainerArchive> {
  const channel = await ArchiveChannel.open(runner, { do: "get", path: fromText(path) });
  channel.endInput();
  const chunks = channel.output();
  for (let text = Buffer.alloc(0); ; ) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    text = Buffer.concat([text, value]);
    const split = splitLine(text);
    if (split === undefined) continue;
    return { status: parseStatus(split.line), archive: follow(channel, split.rest, chunks) };
  }
  await channel.succeed();
  throw new Error("a command that succeeds prints a status");
}

/** `GET /containers/ID/export`: an archive of the container's own disk, without what is mounted over it. */
export async function exportFromContainer(runner: CommandRunner): Promise<AsyncIterable<Uint8Array>> {
  const channel = await ArchiveChannel.open(runner, { do: "export" });
  channel.endInput();
  return follow(channel, Buffer.alloc(0), channel.output());
}

/** More files than a disk of a terabyte has inodes for; each takes some 200 bytes of memory. */
const MOST_FILES = 5_000_000;

/** All files of a container's own disk. @throws TetherError `link-protocol` for a guest that tells of too many. */
export async function* listContainerFiles(runner: CommandRunner): AsyncGenerator<ListedFile> {
  const channel = await ArchiveChannel.open(runner, { do: "list" });
  channel.endInput();
  let rest: Buffer = Buffer.alloc(0);
  let count = 0;
  for await (const chunk of follow(channel, Buffer.alloc(0), channel.output())) {
    rest = Buffer.concat([rest, chunk]);
    for (let split = splitLine(rest); split !== undefined; split = splitLine(rest)) {
      if (++count > MOST_FILES)
        throw new TetherError("link-protocol", `the guest tells of more than ${MOST_FILES} files`);
      yield parseListedFile(split.line);
      rest = split.rest;
    }
  }
}

async function* follow(
  channel: ArchiveChannel,
  first: Buffer,
  chunks: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    if (first.length > 0) yield first;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
    await channel.succeed();
  } finally {
    await chunks.return?.();
    channel.close();
  }
}

/** Docker's options of `PUT /containers/ID/archive`. */
export interface CopyToOptions {
  /** noOverwriteDirNonDir: a folder and something else never replace each other. */
  readonly keepsDirectories: boolean;
  /** copyUIDGID: the files become those of the container's user. */
  readonly asContainerUser: boolean;
}

/**
 * `PUT /containers/ID/archive`: unpacks a tar archive, plain or compressed with gzip or zstd, into a folder of the
 * container.
 *
 * @throws TetherError the guest's, which names the member; what came before that stays.
 */
export async function copyToContainer(
  runner: CommandRunner,
  path: string,
  archive: AsyncIterable<Uint8Array>,
  options: CopyToOptions,
): Promise<void> {
  const channel = await ArchiveChannel.open(runner, { do: "put", path: fromText(path), ...options });
  channel.ignoreOutput();
  try {
    for await (const piece of decompressed(archive)) if (!(await channel.send(piece))) break;
    channel.endInput();
    await channel.succeed();
  } finally {
    channel.close();
  }
}
