import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A command as it came, with its arguments. */
export interface QmpCommand {
  readonly execute: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

interface SocketBackend {
  readonly data: { readonly addr: { readonly data: { readonly path: string } }; readonly server: boolean };
}

/** QEMU's answers to what is refused. */
const REFUSED = {
  noPort: "virtio-serial-bus: Out-of-range port id specified, max. allowed: 15",
  noDevice: "Device not found",
  noCharacters: "Chardev not found",
  busy: "Chardev is busy",
};

/** How long a port that is gone still has its characters. */
const LET_GO_MS = 5;

/**
 * The control socket of a running machine, as far as links use it: one visitor after the other, character devices
 * that are sockets and take one client at a time, and ports on them.
 */
export class FakeQmpServer {
  /** Its character devices, by id, with whoever is connected. */
  readonly characters = new Map<string, Server>();
  /** Its ports: what device_add was told. */
  readonly ports = new Map<string, Readonly<Record<string, unknown>>>();
  readonly commands: QmpCommand[] = [];
  status = "running";
  /** A guest that is ready opens its end of a port when there is one, and closes it with its client's. */
  isGuestReady = true;
  /** Commands that get no answer. */
  readonly ignored = new Set<string>();
  mostPorts = 28;
  readonly #folder: string;
  readonly #server = createServer((socket) => {
    // Who gives up while he waits is found gone when his turn comes.
    socket.on("error", () => {});
    if (this.#queue.push(socket) === 1) this.#serve(socket);
  });
  readonly #queue: Socket[] = [];
  readonly #clients = new Map<Socket, string>();
  /** Ports that are unplugged and still have their characters. */
  readonly #letGo = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
    this.#server.listen(join(folder, "qmp.sock"));
  }

  /** Ends as QEMU does: every connection with it. */
  async close(): Promise<void> {
    for (const server of this.characters.values()) server.close();
    for (const socket of [...this.#queue, ...this.#clients.keys()]) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** A device of a client that was killed. */
  async leave(id: string, { withPort }: { readonly withPort: boolean }): Promise<void> {
    await this.#addCharacters(id, `${id}.sock`);
    if (withPort) this.ports.set(id, { id, chardev: id });
  }

  #serve(socket: Socket): void {
    socket.once("close", () => {
      this.#queue.shift();
      const next = this.#queue[0];
      if (next !== undefined) this.#serve(next);
    });
    const say = (message: unknown): void => void socket.write(`${JSON.stringify(message)}\r\n`);
    say({ QMP: { version: {}, capabilities: [] } });
    const lines = createInterface(socket);
    // It passes the socket's on.
    lines.on("error", () => {});
    lines.on("line", (line) => {
      const command = JSON.parse(line) as QmpCommand;
      this.commands.push(command);
      if (this.ignored.has(command.execute)) return;
      Promise.resolve(this.#answer(command, say)).then(
        (answer) => say({ return: answer ?? {} }),
        (error: Error) => say({ error: { class: "GenericError", desc: error.message } }),
      );
    });
  }

  async #answer(
    { execute, arguments: given }: QmpCommand,
    say: (message: unknown) => void,
  ): Promise<unknown> {
    const id = String(given["id"]);
    switch (execute) {
      case "query-status":
        return { status: this.status, running: this.status === "running" };
      case "query-chardev":
        return [
          { label: "link", filename: "disconnected:unix:link", "frontend-open": this.isGuestReady },
          { label: "compat_monitor1", filename: "unix:qmp.sock", "frontend-open": true },
          ...[...this.characters.keys()].map((label) => ({
            label,
            filename: `${this.#isConnected(label) ? "" : "disconnected:"}unix:${label}`,
            "frontend-open": this.#isOpen(label),
          })),
        ];
      case "chardev-add":
        return this.#addCharacters(id, (given["backend"] as SocketBackend).data.addr.data.path);
      case "chardev-remove":
        return this.#removeCharacters(id);
      case "device_add":
        if (this.ports.size >= this.mostPorts) throw new Error(REFUSED.noPort);
        this.ports.set(id, given);
        return {};
      case "device_del":
        if (!this.ports.delete(id)) throw new Error(REFUSED.noDevice);
        // It lets go of the characters a little later, and says so.
        this.#letGo.add(id);
        setTimeout(() => {
          this.#letGo.delete(id);
          say({ event: "DEVICE_DELETED", data: { device: id, path: `/machine/peripheral/${id}` } });
        }, LET_GO_MS);
        return {};
      default:
        return {};
    }
  }

  #isOpen(id: string): boolean {
    return this.isGuestReady && this.ports.has(id) && this.#isConnected(id);
  }

  #isConnected(id: string): boolean {
    return [...this.#clients.values()].includes(id);
  }

  async #addCharacters(id: string, path: string): Promise<void> {
    const server = createServer((socket) => {
      this.#clients.set(socket, id);
      socket.on("error", () => {}).once("close", () => this.#clients.delete(socket));
    });
    this.characters.set(id, server);
    await new Promise<void>((resolve) => server.listen(join(this.#folder, path), resolve));
  }

  #removeCharacters(id: string): void {
    const server = this.characters.get(id);
    if (server === undefined) throw new Error(REFUSED.noCharacters);
    const isInUse = [...this.ports.values()].some(({ chardev }) => chardev === id);
    if (isInUse || this.#letGo.has(id)) throw new Error(REFUSED.busy);
    this.characters.delete(id);
    server.close();
    rmSync(join(this.#folder, `${id}.sock`), { force: true });
  }
}
