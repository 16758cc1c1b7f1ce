import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import type { MachineFolder } from "../machine-folder.ts";
import { FILE_FOLDER, requirePropagation, STAGE, stagedCommand } from "./host-folder-stage.ts";
import { withShortPath } from "./unix-socket.ts";

/** Debian 12's, in package qemu-system-common, which QEMU itself needs. */
export const VIRTIOFSD = "/usr/lib/qemu/virtiofsd";

/**
 * Attributes and names are asked for each time, so that both sides see at once what the other has changed. What is mounted
 * below is another file system for the guest too. Nothing makes device nodes here for a guest.
 */
const OPTIONS = "xattr,posix_acl,announce_submounts,timeout=0,modcaps=-mknod,log_level=err";

/** virtiofsd gets its socket as this descriptor. */
const SOCKET_DESCRIPTOR = 3;

/** A complaint is a line or two. */
const MAX_COMPLAINT_BYTES = 16 * 1024;

/** The processes that serve one machine's folders, while the machine is started. */
export interface FolderServers {
  /** For QEMU to inherit, one for each folder. */
  readonly connections: readonly Socket[];
  /**
   * Lets go of the connections: QEMU has them. Without a QEMU the servers end.
   *
   * @returns what a server that has failed had to say.
   */
  release(): void;
  /** After {@link release}, of a start that failed: resolves when no server is left, with what one has complained about. */
  readonly failure: () => Promise<TetherError | undefined>;
}

/**
 * Starts a virtiofsd for each folder, sandboxed by itself (pivot_root(2) into what it shares, its own PID and network
 * namespaces, seccomp) in a mount namespace where there is nothing else to share.
 *
 * A server is connected before it runs: whoever holds the other end (this process, then QEMU) keeps it alive, and it ends by
 * itself when the last of them is gone, however they end. It has no name that could be left or found.
 *
 * @param machineFolder its working directory at first.
 */
export async function startFolderServers(
  folders: readonly MachineFolder[],
  machineFolder: string,
): Promise<FolderServers> {
  const servers: FolderServer[] = [];
  const release = (): void => {
    for (const { connection } of servers) connection.destroy();
  };
  try {
    if (folders.some(({ isFile }) => isFile))
      mkdirSync(join(machineFolder, FILE_FOLDER), { recursive: true, mode: 0o700 });
    for (const folder of folders) servers.push(await startServer(folder, machineFolder));
  } catch (error) {
    release();
    throw error;
  }
  return {
    connections: servers.map(({ connection }) => connection),
    release,
    failure: async () => {
      const failures = await Promise.all(servers.map(({ failed }) => failed));
      return failures.find((failure) => failure !== undefined);
    },
  };
}

/**
 * Whether folders can be served here.
 *
 * @throws TetherError `tool-missing` that names the package, `needs-root`, `invalid-option`.
 */
export function requireFolderServers(
  folders: readonly MachineFolder[],
  {
    program = VIRTIOFSD,
    userId = process.geteuid?.(),
  }: { readonly program?: string; readonly userId?: number } = {},
): void {
  const [first] = folders;
  if (first === undefined) return;
  if (!existsSync(program))
    throw new TetherError("tool-missing", `${program} is not installed: apt-get install qemu-system-common`);
  if (userId !== 0)
    throw new TetherError(
      "needs-root",
      `${first.source} cannot be mounted: only root may share folders of this machine with a container VM`,
    );
  requirePropagation(folders);
}

interface FolderServer {
  readonly connection: Socket;
  /** Resolves when it has ended: with its complaint, unless it ended in peace. */
  readonly failed: Promise<TetherError | undefined>;
}

async function startServer(folder: MachineFolder, machineFolder: string): Promise<FolderServer> {
  const name = `.${randomBytes(8).toString("hex")}`;
  try {
    return await withShortPath(machineFolder, async (short) => {
      const path = `${short}/${name}`;
      const server = createServer().listen(path);
      await once(server, "listening");
      // Nothing waits up to the server's closing: else this process would take the connection itself.
      const connection = connect(path);
      // Nobody here reads, and what becomes of it is QEMU's to tell.
      connection.pause().on("error", () => {});
      const child = spawnServer(folder, machineFolder, descriptorOf(server));
      server.close();
      return { connection, failed: awaitFailure(child, folder) };
    });
  } finally {
    rmSync(join(machineFolder, name), { force: true });
  }
}

/** In a session of its own, as QEMU. */
function spawnServer(folder: MachineFolder, machineFolder: string, socket: number): ChildProcess {
  const program = [VIRTIOFSD, `--fd=${SOCKET_DESCRIPTOR}`, "-f", "-o", `source=${STAGE}`, "-o", OPTIONS];
  const [command, ...args] = stagedCommand(folder, program);
  return spawn(command, args, {
    cwd: machineFolder,
    detached: true,
    stdio: ["ignore", "ignore", "pipe", socket],
    // Where it belongs to: it has no other folder than what it shares.
    env: { PATH: process.env["PATH"], PWD: machineFolder },
  });
}

/** Node starts processes with descriptors of servers, but has no public name for them. */
function descriptorOf(server: Server): number {
  const { _handle: handle } = server as unknown as { readonly _handle?: { readonly fd?: unknown } };
  if (typeof handle?.fd === "number" && handle.fd >= 0) return handle.fd;
  throw new TetherError("internal", "a server has no descriptor");
}

/** Nobody reads its complaints any more when this process has ended: it goes on without (fuse_signals.c ignores SIGPIPE). */
async function awaitFailure(
  child: ChildProcess,
  { source }: MachineFolder,
): Promise<TetherError | undefined> {
  let complaint = "";
  child.stderr?.on("data", (bytes: Buffer) => {
    complaint = (complaint + bytes.toString("utf8")).slice(-MAX_COMPLAINT_BYTES);
  });
  // This process may end before it does.
  child.unref();
  const reason = await new Promise<string | undefined>((resolve) => {
    child.once("error", ({ message }) => resolve(message));
    child.once("close", (code, signal) =>
      resolve(code === 0 ? undefined : (lastLine(complaint) ?? signal ?? `status ${code}`)),
    );
  });
  if (reason === undefined) return undefined;
  return new TetherError("hypervisor-failed", `${source} cannot be shared with the container VM: ${reason}`);
}

/** What was said last, but for mount(8)'s advice. */
function lastLine(complaint: string): string | undefined {
  const lines = complaint.split("\n").map((line) => line.trim());
  return lines.findLast((line) => line !== "" && !line.startsWith("dmesg(1)"));
}
