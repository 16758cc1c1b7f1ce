import type { ServerChannel } from "ssh2";
import utils from "ssh2/lib/protocol/utils.js";

/** SSH_MSG_CHANNEL_REQUEST (RFC 4254 section 9). */
const CHANNEL_REQUEST = 98;

/** How a process ended that a signal ended. */
export interface ExitSignal {
  /** Without `SIG`: RFC 4254's, any other of Linux's, or NAME@DOMAIN. */
  readonly name: string;
  readonly coreDumped: boolean;
  readonly message: string;
}

/**
 * Sends the request `exit-signal` (RFC 4254 section 6.10). ssh2's own knows thirteen names only and throws for all
 * others: for SIGBUS, SIGSYS, the real-time signals, and names of somebody's own.
 */
export function sendExitSignal(channel: ServerChannel, { name, coreDumped, message }: ExitSignal): void {
  // ssh2's types do not list what its own requests are made with.
  const { _client: client, outgoing } = channel as unknown as {
    readonly _client: { readonly _protocol: Parameters<typeof utils.sendPacket>[0] };
    readonly outgoing: { readonly id: number; readonly state: string };
  };
  if (!channel.writable || outgoing.state !== "open") return;
  const payload = Buffer.concat([
    Buffer.of(CHANNEL_REQUEST),
    uint32(outgoing.id),
    text("exit-signal"),
    Buffer.of(0),
    text(name),
    Buffer.of(coreDumped ? 1 : 0),
    text(message),
    text(""),
  ]);
  const { _protocol: protocol } = client;
  const writer = protocol._packetRW.write;
  const start = writer.allocStart;
  const packet = writer.alloc(payload.length);
  packet.set(payload, start);
  utils.sendPacket(protocol, writer.finalize(packet));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
