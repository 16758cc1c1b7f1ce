import type { EventEmitter } from "node:events";
import type { Duplex, Writable } from "node:stream";
import { ContainerRoot, listDisk, packDisk, packPath, statPath, unpackInto } from "../files/index.ts";
import { ByteSource } from "../protocol/archive/index.ts";
import type { ArchiveCommand, CommandFailure } from "../protocol/archive-commands.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { System } from "../system/system.ts";

/** Of an SSH channel, what a command needs; ssh2's ServerChannel is one. */
export interface CommandChannel extends Duplex {
  readonly stderr: Writable;
  exit(status: number): void;
  close(): void;
}

/** Whose files a command is about. */
export interface ServedFiles {
  readonly system: System;
  /** Descriptor of the container's root directory (`ContainerHandles.root`). */
  readonly root: number;
  /** Where the container's own disk is mounted in the agent's view, with nothing mounted over it. */
  readonly disk: string;
  /** The container's user, for `container-owner`; undefined: its files stay as archived, as for root. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

/**
 * Runs one of {@link ArchiveCommand} on a channel and closes it. Whatever goes wrong ends this channel only.
 *
 * @returns once the channel is done with, never rejecting.
 */
export async function serveArchive(
  channel: CommandChannel,
  command: ArchiveCommand,
  files: ServedFiles,
): Promise<void> {
  using watch = watchChannel(channel);
  const { signal } = watch;
  try {
    await run(channel, command, files, signal);
    channel.exit(0);
  } catch (error) {
    if (signal.aborted) return;
    const { code, message } = TetherError.from(error, "internal", "copying");
    const failure: CommandFailure = { code, message };
    channel.stderr.write(`${JSON.stringify(failure)}\n`);
    channel.exit(1);
  } finally {
    // What the client still sends is thrown away; the close tells it.
    channel.resume();
    channel.end();
  }
}

/**
 * Watches for the end of a channel or of its connection: ssh2 ends a channel that waits for its window, or that was
 * not read to its end, only then, and never says so to the channel. Its types do not list the connection.
 */
export function watchChannel(channel: CommandChannel): Disposable & { readonly signal: AbortSignal } {
  const gone = new AbortController();
  const abort = (): void => gone.abort();
  channel.once("close", abort);
  channel.on("error", abort);
  const { _client: connection } = channel as unknown as { readonly _client?: EventEmitter };
  // One listener for each channel that copies.
  connection?.setMaxListeners(0);
  connection?.on("close", abort);
  return { signal: gone.signal, [Symbol.dispose]: () => void connection?.off("close", abort) };
}

/** Resolves when the channel's window has taken a piece; the next one is not made before. @throws TetherError `guest-lost`. */
export function sendPiece(channel: CommandChannel, piece: Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new TetherError("guest-lost", "the channel was closed"));
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    channel.write(piece, () => {
      signal.removeEventListener("abort", stop);
      // ssh2 1.17 keeps what waited for the window, and would send it again with what waits next on stderr.
      Object.assign(channel, { _chunk: undefined, _chunkcb: undefined });
      resolve();
    });
  });
}

async function run(
  channel: CommandChannel,
  command: ArchiveCommand,
  files: ServedFiles,
  signal: AbortSignal,
): Promise<void> {
  const root = new ContainerRoot(files.system, files.root);
  if (command.do === "put") {
    const { path, keepsDirectories, asContainerUser } = command;
    const owner = asContainerUser ? files.user : undefined;
    return unpackInto(root, path, new ByteSource(received(channel)), { keepsDirectories, owner });
  }
  // Nothing is expected; read, so that the end of the channel is seen.
  channel.resume();
  if (command.do === "export" || command.do === "list") {
    const pieces = command.do === "export" ? packDisk(files.system, files.disk) : listDisk(files.disk);
    for await (const piece of pieces) await sendPiece(channel, piece, signal);
    return;
  }
  await sendPiece(channel, Buffer.from(`${JSON.stringify(statPath(root, command.path))}\n`), signal);
  if (command.do === "get")
    for await (const piece of packPath(root, command.path)) await sendPiece(channel, piece, signal);
}

/** What the client sends, to its end of file; a link that breaks is no end. */
async function* received(channel: Duplex): AsyncGenerator<Uint8Array> {
  for await (const chunk of channel) yield chunk as Uint8Array;
  if (!isEndOfFile(channel)) throw new TetherError("guest-lost", "the link broke before the archive's end");
}

/** ssh2 ends a channel's stream for an end of file and for a broken link; only the channel's state tells. */
function isEndOfFile(channel: Duplex): boolean {
  const { incoming } = channel as unknown as { readonly incoming?: { readonly state: string } };
  return incoming === undefined || incoming.state === "eof";
}
