import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import ssh2, { type Algorithms, Client, type ClientChannel } from "ssh2";
import { visitQmp } from "../../src/hypervisor/qemu/qmp-visit.ts";
import { connectSocket } from "../../src/hypervisor/qemu/unix-socket.ts";
import { IDENTITY_FILE } from "../../src/portlayer/interaction/index.ts";
import { execute } from "../session/exec.ts";
import type { SessionMachine } from "../session/session-machine.ts";
import { machineRoom } from "../../test/support/machine-room.ts";

/** A virtio-serial port of the bench's own, which the agent leaves alone. */
const PORT_ID = "bench-ssh";
const PORT_NAME = "bench.ssh";
const SOCKET = "bench-ssh.sock";

const MOST_ATTEMPTS = 100;
const ATTEMPT_PAUSE_MS = 10;

/** Both halves of what ssh2 and OpenSSH have in common of this kind. */
export type Cipher = "aes128-gcm@openssh.com" | "chacha20-poly1305@openssh.com";

/** OpenSSH's server in a container VM, at the other end of a virtio-serial port, and a warm connection to it. */
export interface GuestSshd extends AsyncDisposable {
  /**
   * Executes a command to its end.
   *
   * @throws Error unless it ended with 0.
   */
  execute(command: string, take?: (chunk: Buffer) => void): Promise<void>;
}

/**
 * Plugs a port into the machine, starts an sshd on it, and connects with the client library that the port layer
 * has, too.
 *
 * @param machine of a privileged container with OpenSSH's server and socat; one sshd at a time.
 */
export async function openGuestSshd(machine: SessionMachine, cipher: Cipher): Promise<GuestSshd> {
  const socket = await plugPort(machineRoom(machine.folder));
  try {
    const client = await connect(machine, socket, cipher);
    return {
      execute: (command, take = () => {}) => executeWith(client, command, take),
      [Symbol.asyncDispose]: async () => {
        client.destroy();
        await unplugPort(machineRoom(machine.folder));
      },
    };
  } catch (error) {
    socket.destroy();
    await unplugPort(machineRoom(machine.folder));
    throw error;
  }
}

function plugPort(folder: string): Promise<Socket> {
  const addr = { type: "unix", data: { path: SOCKET } };
  const backend = { type: "socket", data: { addr, server: true, wait: false } };
  return visitQmp(folder, async (qmp) => {
    await qmp.execute("chardev-add", { id: PORT_ID, backend });
    const socket = await connectSocket(folder, SOCKET);
    const device = { driver: "virtserialport", id: PORT_ID, chardev: PORT_ID, name: PORT_NAME };
    await qmp.execute("device_add", device);
    return socket;
  });
}

async function unplugPort(folder: string): Promise<void> {
  await visitQmp(folder, async (qmp) => {
    // It may never have been.
    await qmp.execute("device_del", { id: PORT_ID }).catch(() => {});
    // QEMU frees the device, which uses it, a moment later.
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      const isRemoved = await qmp.execute("chardev-remove", { id: PORT_ID }).then(
        () => true,
        (error: unknown) => !String(error).includes("busy"),
      );
      if (isRemoved) break;
      await delay(ATTEMPT_PAUSE_MS);
    }
  });
  rmSync(join(folder, SOCKET), { force: true });
}

async function connect(machine: SessionMachine, socket: Socket, cipher: Cipher): Promise<Client> {
  const privateKey = readFileSync(join(machine.folder, IDENTITY_FILE));
  await execute(machine.connection, ["/bin/sh", "-c", SERVE, "sh", PORT_NAME, publicKeyOf(privateKey)]);
  const client = new Client();
  const algorithms: Algorithms = { kex: ["curve25519-sha256"], cipher: [cipher] };
  client.connect({ sock: socket, username: "root", privateKey, algorithms });
  await once(client, "ready");
  return client;
}

function publicKeyOf(privateKey: Buffer): string {
  const key = ssh2.utils.parseKey(privateKey);
  if (key instanceof Error) throw key;
  return `${key.type} ${key.getPublicSSH().toString("base64")}`;
}

/** Finds the port, and leaves socat running between it and an sshd of its own. Words: the port's name, the key. */
const SERVE = `
until name=$(grep -lx "$1" /sys/class/virtio-ports/*/name); do sleep 0.1; done
IFS=: read -r major minor < "$(dirname "$name")/dev"
rm -f /run/bench-port
mknod /run/bench-port c "$major" "$minor"
mkdir -p /run/sshd
echo "$2" > /run/bench-key
options="-o UsePAM=no -o StrictModes=no -o AuthorizedKeysFile=/run/bench-key -o PrintMotd=no"
setsid socat -b 65536 /run/bench-port "EXEC:/usr/sbin/sshd -i $options" < /dev/null > /dev/null 2>&1 &
`;

async function executeWith(client: Client, command: string, take: (chunk: Buffer) => void): Promise<void> {
  const channel = await new Promise<ClientChannel>((resolve, reject) =>
    client.exec(command, (error, opened) => (error === undefined ? resolve(opened) : reject(error))),
  );
  channel.on("data", take);
  channel.stderr.resume();
  let status: number | null = null;
  channel.once("exit", (code: number | null) => (status = code));
  await once(channel, "close");
  if (status !== 0) throw new Error(`sshd: ${command} ended with ${String(status)}`);
}
