import type { FileAccess } from "../files/index.ts";
import type { ByteString } from "../protocol/archive/index.ts";
import { writeAttributes } from "./sftp-attributes.ts";
import type { Handles } from "./sftp-handles.ts";
import { longName, type Names, parseNames } from "./sftp-long-name.ts";
import { PacketWriter, RESPONSES } from "./sftp-packets.ts";
import { MOST_PASSWD_BYTES } from "./sftp-paths.ts";
import { statusReply } from "./sftp-replies.ts";

/** As OpenSSH's server: a reply of so many names stays below a packet's limit. */
const NAMES_IN_A_REPLY = 100;

/** Lists folders for one client. */
export class SftpFolders {
  readonly #files: FileAccess;
  readonly #handles: Handles;

  constructor(files: FileAccess, handles: Handles) {
    this.#files = files;
    this.#handles = handles;
  }

  open(id: number, path: ByteString): Buffer {
    if (this.#handles.isFull) return statusReply(id, "FAILURE", "too many open files");
    const handle = this.#handles.add("folder", this.#files.openFolder(path));
    return new PacketWriter(RESPONSES.HANDLE).uint32(id).bytes(handle).finish();
  }

  read(id: number, handle: Buffer): Buffer {
    const { descriptor, names } = this.#handles.folder(handle);
    const entries = new PacketWriter(RESPONSES.NAME).uint32(id);
    const listed: PacketWriter[] = [];
    const [users, groups] = [this.#names("/etc/passwd"), this.#names("/etc/group")];
    while (listed.length < NAMES_IN_A_REPLY) {
      const { done, value: name } = names.next();
      if (done === true) break;
      const status = this.#files.statusIn(descriptor, name);
      // It has gone since.
      if (status === undefined) continue;
      const entry = new PacketWriter(0).text(name).text(longName(name, status, users, groups, Date.now()));
      listed.push(writeAttributes(entry, status));
    }
    if (listed.length === 0) return statusReply(id, "EOF");
    entries.uint32(listed.length);
    // Without the length and type that a packet of its own would begin with.
    for (const entry of listed) entries.raw(entry.finish().subarray(5));
    return entries.finish();
  }

  /** Read anew for each hundred names: who is who may change. */
  #names(path: ByteString): Names {
    return parseNames(this.#files.readText(path, MOST_PASSWD_BYTES));
  }
}
