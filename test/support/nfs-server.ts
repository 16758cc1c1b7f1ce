import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NetworkSegment } from "./network-segment.ts";
import { Watched } from "./vm-watched.ts";

/** Debian's NFS-Ganesha in a segment: versions 3 and 4 of one folder, with a port mapper for the former. */
export class NfsServer implements AsyncDisposable {
  readonly #process: ChildProcess;
  /** The folder that it serves, by its path here (version 3) and as `/data` (version 4). */
  readonly folder: string;

  private constructor(process: ChildProcess, folder: string) {
    this.#process = process;
    this.folder = folder;
  }

  /** @param work an existing folder for what it needs. */
  static async start(segment: NetworkSegment, work: string): Promise<NfsServer> {
    const folder = join(work, "export");
    mkdirSync(folder);
    // Ganesha asks for files by handles, which not every file system gives.
    execFileSync("sh", ["-ec", `truncate -s 64M ${work}/disk; mke2fs -q -t ext4 ${work}/disk`]);
    writeFileSync(join(work, "configuration"), configuration(folder));
    // Sockets and state are its own: another one may run on this machine.
    const script = `
      mount -o loop ${work}/disk ${folder}
      echo served > ${folder}/file
      mount -t tmpfs none /run
      mkdir -p /run/rpcbind /run/ganesha
      mount -t tmpfs none /var/lib/nfs
      mkdir -p /var/lib/nfs/ganesha
      rpcbind -w
      exec ganesha.nfsd -F -L STDOUT -f ${work}/configuration -p /run/ganesha.pid`;
    const process = segment.start("unshare", ["-m", "sh", "-ec", script]);
    if (process.stdout === null) throw new Error("its standard output is not there");
    await new Watched(process.stdout).expect(/NFS SERVER INITIALIZED/);
    return new NfsServer(process, folder);
  }

  /** The end of the segment ends its port mapper. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, "close");
    this.#process.kill("SIGKILL");
    await ended;
  }
}

function configuration(folder: string): string {
  return `
    NFS_CORE_PARAM { Protocols = 3,4; MNT_Port = 20048; Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false; }
    NFSV4 { Graceless = true; Only_Numeric_Owners = true; }
    EXPORT {
      Export_Id = 1; Path = ${folder}; Pseudo = /data; Access_Type = RW; Squash = No_Root_Squash;
      SecType = sys; Protocols = 3,4; Transports = TCP; FSAL { Name = VFS; }
    }
    LOG { Default_Log_Level = EVENT; }`;
}
