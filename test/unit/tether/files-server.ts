import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, createServer, type Server as NetServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import Server from "ssh2/lib/server.js";
import { GuestConnection, type LinkKeys, makeLinkKeys } from "../../../src/portlayer/interaction/index.ts";
import { parseArchiveCommand } from "../../../src/protocol/archive-commands.ts";
import { SSH_ALGORITHMS } from "../../../src/protocol/ssh-algorithms.ts";
import { serveArchive, type ServedFiles } from "../../../src/tether/archive-channel.ts";
import { serveSftp } from "../../../src/tether/sftp-server.ts";
import { linux } from "../system/linux.ts";

/** An SSH server that serves the files below one folder and nothing else, behind a socket in a folder of its own. */
export class FilesServer implements AsyncDisposable {
  readonly keys: LinkKeys = makeLinkKeys();
  readonly folder: string = mkdtempSync(join(tmpdir(), "tether-files-"));
  /** Commands and subsystems that are being served. */
  active = 0;
  readonly #root: number;
  readonly #server: NetServer;
  readonly #sockets: Socket[] = [];
  readonly #clients: GuestConnection[] = [];

  constructor(root: string, user?: ServedFiles["user"]) {
    this.#root = openSync(root, 0o10000000);
    const files: ServedFiles = {
      system: linux,
      root: this.#root,
      disk: root,
      ...(user === undefined ? {} : { user }),
    };
    const ssh = new Server({ hostKeys: [this.keys.hostPrivateKey], algorithms: SSH_ALGORITHMS }, (client) => {
      client.on("error", () => client.end());
      client.on("authentication", (context) => context.accept());
      client.on("session", (accept) => {
        const session = accept();
        session.on("subsystem", (take, _reject, { name }) => {
          const channel = take();
          if (name === "sftp") this.#count(serveSftp(channel, files));
        });
        session.on("exec", (take, reject, { command }) => {
          const parsed = parseArchiveCommand(command);
          if (parsed === undefined) reject();
          else this.#count(serveArchive(take(), parsed, files));
        });
      });
    });
    this.#server = createServer((socket) => {
      this.#sockets.push(socket);
      socket.on("error", () => {});
      ssh.injectSocket(socket);
    });
    this.#server.listen(this.path);
  }

  get path(): string {
    return join(this.folder, "link.sock");
  }

  async open(): Promise<GuestConnection> {
    const socket = createConnection(this.path);
    this.#sockets.push(socket);
    await once(socket, "connect");
    const connection = await GuestConnection.open(socket, this.keys, () => {}, new AbortController().signal);
    this.#clients.push(connection);
    return connection;
  }

  /** Runs one of OpenSSH's clients; `guest:` names this server. */
  async run(
    program: "sftp" | "scp" | "ssh",
    args: readonly string[],
    input = "",
  ): Promise<{ readonly status: number | null; readonly output: string; readonly errorOutput: string }> {
    const [keyFile, knownHosts] = [join(this.folder, "key"), join(this.folder, "known_hosts")];
    writeFileSync(keyFile, this.keys.clientPrivateKey, { mode: 0o600 });
    writeFileSync(knownHosts, `guest ${this.keys.hostPublicKey}\n`);
    const options = {
      ProxyCommand: `nc -U ${this.path}`,
      HostKeyAlias: "guest",
      User: "tether",
      UserKnownHostsFile: knownHosts,
      StrictHostKeyChecking: "yes",
      IdentityFile: keyFile,
      IdentitiesOnly: "yes",
      BatchMode: "yes",
      LogLevel: "ERROR",
    };
    const words = Object.entries(options).flatMap((each) => ["-o", each.join("=")]);
    const child = spawn(program, ["-F", "none", ...words, ...args], {
      env: { PATH: process.env["PATH"], LC_ALL: "C.UTF-8" },
    });
    const exited = once(child, "close");
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    const [output, errorOutput] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
    const [status] = (await exited) as [number | null];
    return { status, output: output.toString(), errorOutput: errorOutput.toString() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    while (this.active > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    closeSync(this.#root);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #count(serving: Promise<void>): void {
    this.active++;
    void serving.finally(() => this.active--);
  }
}
