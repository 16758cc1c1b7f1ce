import { constants, fsync } from "node:fs";
import { promisify } from "node:util";
import { ContainerRoot, FileAccess } from "../files/index.ts";
import { readAt, writeAt } from "../protocol/archive/file-content.ts";
import { ByteSource } from "../protocol/archive/index.ts";
import { type CommandChannel, sendPiece, type ServedFiles, watchChannel } from "./archive-channel.ts";
import { readChanges } from "./sftp-attributes.ts";
import { SftpExtensions } from "./sftp-extensions.ts";
import { SftpFolders } from "./sftp-folders.ts";
import { Handles } from "./sftp-handles.ts";
import { BadPacket, PacketReader, PacketWriter, REQUESTS, RESPONSES } from "./sftp-packets.ts";
import { ClientPaths } from "./sftp-paths.ts";
import { attributesReply, errorReply, nameReply, statusReply } from "./sftp-replies.ts";

/** OpenSSH's limit (SFTP_MAX_MSG_LENGTH); its clients ask for at most 255 KiB at a time. */
const LONGEST_PACKET = 256 * 1024;
/** One read's most bytes: with its header it fits into a packet. */
const LONGEST_READ = LONGEST_PACKET - 1024;

/**
 * Serves SFTP version 3 (draft-ietf-secsh-filexfer-02) on a channel: the files of the container, below its root,
 * with root's rights. Requests are answered one after the other, in order: what a client sends ahead waits in the
 * channel's window, so that memory is a packet each way.
 *
 * ssh2's own server half knows no extensions, takes names for UTF-8 and buffers without a bound.
 *
 * @param channel that of the subsystem `sftp`.
 * @returns once the client is gone and everything it had open is closed; never rejects.
 */
export async function serveSftp(channel: CommandChannel, { system, root }: ServedFiles): Promise<void> {
  const server = new SftpServer(new FileAccess(new ContainerRoot(system, root)));
  using watch = watchChannel(channel);
  try {
    const source = new ByteSource(channel as AsyncIterable<Uint8Array>);
    for (let packet = await readPacket(source); packet !== undefined; packet = await readPacket(source))
      await sendPiece(channel, await server.answer(packet), watch.signal);
    // scp fails without it.
    channel.exit(0);
  } catch {
    // A client that breaks the protocol is not answered any more, as by OpenSSH's server.
    channel.exit(1);
  } finally {
    server.close();
    channel.resume();
    channel.end();
  }
}

/** @returns undefined at the end of the stream. */
async function readPacket(source: ByteSource): Promise<Buffer | undefined> {
  const length = (await source.read(4))?.readUInt32BE();
  if (length === undefined) return undefined;
  if (length < 1 || length > LONGEST_PACKET) throw new BadPacket("a packet of no length or too long");
  return source.read(length);
}

const synchronize = promisify(fsync);

/** One client's server: a packet in, a packet out. */
export class SftpServer {
  readonly #files: FileAccess;
  readonly #handles = new Handles();
  readonly #paths: ClientPaths;
  readonly #folders: SftpFolders;
  readonly #extensions: SftpExtensions;

  constructor(files: FileAccess) {
    this.#files = files;
    this.#folders = new SftpFolders(files, this.#handles);
    this.#paths = new ClientPaths(files);
    const longest = { packet: LONGEST_PACKET, read: LONGEST_READ };
    this.#extensions = new SftpExtensions(files, this.#handles, this.#paths, longest);
  }

  /** @param packet without its length. @throws BadPacket where no answer is possible. */
  async answer(packet: Buffer): Promise<Buffer> {
    const request = new PacketReader(packet);
    const type = request.byte();
    if (type === REQUESTS.INIT) return this.#extensions.version();
    const id = request.uint32();
    try {
      return (await this.#dispatch(type, id, request)) ?? statusReply(id, "OP_UNSUPPORTED");
    } catch (error) {
      return errorReply(id, error);
    }
  }

  /** Closes whatever the client has left open. */
  close(): void {
    this.#handles.closeAll();
  }

  /** @returns undefined for what is not supported. */
  #dispatch(
    type: number,
    id: number,
    request: PacketReader,
  ): Promise<Buffer | undefined> | Buffer | undefined {
    const path = (): string => this.#paths.resolve(request.path());
    const done = (action: () => void): Buffer => {
      action();
      return statusReply(id, "OK");
    };
    switch (type) {
      case REQUESTS.OPEN:
        return this.#open(id, request);
      case REQUESTS.CLOSE:
        return done(() => this.#handles.close(request.bytes()));
      case REQUESTS.READ:
        return this.#read(id, request);
      case REQUESTS.WRITE:
        return this.#write(id, request);
      case REQUESTS.LSTAT:
        return attributesReply(id, this.#files.status(path(), false));
      case REQUESTS.STAT:
        return attributesReply(id, this.#files.status(path(), true));
      case REQUESTS.FSTAT:
        return attributesReply(id, this.#files.statusOpen(this.#handles.get(request.bytes()).descriptor));
      case REQUESTS.SETSTAT:
        return done(() => this.#files.change(path(), true, readChanges(request)));
      case REQUESTS.FSETSTAT: {
        const { descriptor } = this.#handles.get(request.bytes());
        return done(() => this.#files.changeOpen(descriptor, readChanges(request)));
      }
      case REQUESTS.OPENDIR:
        return this.#folders.open(id, path());
      case REQUESTS.READDIR:
        return this.#folders.read(id, request.bytes());
      case REQUESTS.REMOVE:
        return done(() => this.#files.remove(path()));
      case REQUESTS.MKDIR:
        return done(() => this.#files.makeFolder(path(), readChanges(request).mode ?? 0o777));
      case REQUESTS.RMDIR:
        return done(() => this.#files.removeFolder(path()));
      case REQUESTS.REALPATH:
        return nameReply(id, this.#files.realPath(path()));
      case REQUESTS.RENAME:
        return done(() => this.#files.rename(path(), path(), false));
      case REQUESTS.READLINK:
        return nameReply(id, this.#files.readLink(path()));
      case REQUESTS.SYMLINK: {
        // The target first: OpenSSH has them the other way round than the draft, and so has everybody since.
        const target = request.path();
        return done(() => this.#files.makeLink(path(), target));
      }
      case REQUESTS.EXTENDED:
        return this.#extended(id, request);
      default:
        return undefined;
    }
  }

  #open(id: number, request: PacketReader): Buffer {
    const path = this.#paths.resolve(request.path());
    const flags = openFlags(request.uint32());
    const { mode = 0o666 } = readChanges(request);
    if (this.#handles.isFull) return statusReply(id, "FAILURE", "too many open files");
    const descriptor = this.#files.openFile(path, flags, mode);
    return new PacketWriter(RESPONSES.HANDLE)
      .uint32(id)
      .bytes(this.#handles.add("file", descriptor))
      .finish();
  }

  async #read(id: number, request: PacketReader): Promise<Buffer> {
    const descriptor = this.#handles.file(request.bytes());
    const offset = request.uint64();
    const buffer = Buffer.allocUnsafeSlow(Math.min(request.uint32(), LONGEST_READ));
    const count = await readAt(descriptor, buffer, offset);
    if (count === 0 && buffer.length > 0) return statusReply(id, "EOF");
    return new PacketWriter(RESPONSES.DATA).uint32(id).bytes(buffer.subarray(0, count)).finish();
  }

  async #write(id: number, request: PacketReader): Promise<Buffer> {
    const descriptor = this.#handles.file(request.bytes());
    const offset = request.uint64();
    await writeAt(descriptor, request.bytes(), offset);
    return statusReply(id, "OK");
  }

  async #extended(id: number, request: PacketReader): Promise<Buffer | undefined> {
    const name = request.path();
    if (name !== "fsync@openssh.com") return this.#extensions.answer(id, name, request);
    await synchronize(this.#handles.file(request.bytes()));
    return statusReply(id, "OK");
  }
}

/** SSH_FXF_* (section 6.3) as open(2)'s. */
function openFlags(flags: number): number {
  const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_TRUNC, O_EXCL } = constants;
  const access = [O_RDONLY, O_RDONLY, O_WRONLY, O_RDWR][flags & 3] ?? O_RDONLY;
  const has = (bit: number, flag: number): number => ((flags & bit) === 0 ? 0 : flag);
  return access | has(0x4, O_APPEND) | has(0x8, O_CREAT) | has(0x10, O_TRUNC) | has(0x20, O_EXCL);
}
