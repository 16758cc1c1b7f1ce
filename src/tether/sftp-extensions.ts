import type { FileAccess } from "../files/index.ts";
import type { ByteString } from "../protocol/archive/index.ts";
import { readChanges } from "./sftp-attributes.ts";
import { type Handles, MOST_HANDLES } from "./sftp-handles.ts";
import { parseNames } from "./sftp-long-name.ts";
import { PacketReader, PacketWriter, RESPONSES } from "./sftp-packets.ts";
import { type ClientPaths, MOST_PASSWD_BYTES } from "./sftp-paths.ts";
import { nameReply, statusReply } from "./sftp-replies.ts";

/** OpenSSH's extensions that are served (its file PROTOCOL, section 4), with their versions. */
const EXTENSIONS: ReadonlyArray<readonly [string, string]> = [
  ["posix-rename@openssh.com", "1"],
  ["statvfs@openssh.com", "2"],
  ["fstatvfs@openssh.com", "2"],
  ["hardlink@openssh.com", "1"],
  ["fsync@openssh.com", "1"],
  ["lsetstat@openssh.com", "1"],
  ["limits@openssh.com", "1"],
  ["expand-path@openssh.com", "1"],
  ["users-groups-by-id@openssh.com", "1"],
];

const VERSION = 3;

/** What OpenSSH's clients ask for beyond version 3. */
export class SftpExtensions {
  readonly #files: FileAccess;
  readonly #handles: Handles;
  readonly #paths: ClientPaths;
  readonly #longestPacket: number;
  readonly #longestRead: number;

  constructor(
    files: FileAccess,
    handles: Handles,
    paths: ClientPaths,
    longest: { packet: number; read: number },
  ) {
    this.#files = files;
    this.#handles = handles;
    this.#paths = paths;
    this.#longestPacket = longest.packet;
    this.#longestRead = longest.read;
  }

  /** The answer to INIT. */
  version(): Buffer {
    const reply = new PacketWriter(RESPONSES.VERSION).uint32(VERSION);
    for (const [name, version] of EXTENSIONS) reply.text(name).text(version);
    return reply.finish();
  }

  /** @returns undefined for an extension that is not served. */
  answer(id: number, name: string, request: PacketReader): Buffer | undefined {
    const path = (): ByteString => this.#paths.resolve(request.path());
    const done = (action: () => void): Buffer => {
      action();
      return statusReply(id, "OK");
    };
    switch (name) {
      case "posix-rename@openssh.com":
        return done(() => this.#files.rename(path(), path(), true));
      case "hardlink@openssh.com":
        return done(() => this.#files.makeHardLink(path(), path()));
      case "lsetstat@openssh.com":
        return done(() => this.#files.change(path(), false, readChanges(request)));
      case "statvfs@openssh.com":
        return this.#fileSystem(id, this.#files.fileSystem(path()));
      case "fstatvfs@openssh.com":
        return this.#fileSystem(
          id,
          this.#files.fileSystemOpen(this.#handles.get(request.bytes()).descriptor),
        );
      case "limits@openssh.com":
        return this.#limits(id);
      case "expand-path@openssh.com":
        return nameReply(id, this.#files.realPath(this.#paths.expand(request.path())));
      case "users-groups-by-id@openssh.com":
        return this.#names(id, request);
      default:
        return undefined;
    }
  }

  #limits(id: number): Buffer {
    const [packet, read] = [BigInt(this.#longestPacket), BigInt(this.#longestRead)];
    return new PacketWriter(RESPONSES.EXTENDED_REPLY)
      .uint32(id)
      .uint64(packet, read, read, BigInt(MOST_HANDLES))
      .finish();
  }

  #fileSystem(id: number, status: ReturnType<FileAccess["fileSystem"]>): Buffer {
    const { bsize, blocks, bfree, bavail, files, ffree, type } = status;
    const longestName = 255n;
    return new PacketWriter(RESPONSES.EXTENDED_REPLY)
      .uint32(id)
      .uint64(bsize, bsize, blocks, bfree, bavail, files, ffree, ffree, type, 0n, longestName)
      .finish();
  }

  #names(id: number, request: PacketReader): Buffer {
    const list = (file: ByteString): Buffer => {
      const names = parseNames(this.#files.readText(file, MOST_PASSWD_BYTES));
      const ids = request.bytes();
      const reader = new PacketReader(ids);
      const answer = new PacketWriter(0);
      for (let left = ids.length / 4; left >= 1; left--) answer.text(names.get(reader.uint32()) ?? "");
      return answer.finish().subarray(5);
    };
    return new PacketWriter(RESPONSES.EXTENDED_REPLY)
      .uint32(id)
      .bytes(list("/etc/passwd"))
      .bytes(list("/etc/group"))
      .finish();
  }
}
