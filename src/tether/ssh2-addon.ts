import type { PacketCiphers, PacketOpener, PacketSealer } from "../system/packet-ciphers.ts";

/*
 * The form of ssh2's own optional addon, `sshcrypto.node`, as lib/protocol/crypto.js of ssh2 1.17 uses it; the agent's
 * bundle has this module in its place (scripts/bundle/without-dead-weight.ts). Of ciphers it has the one that our
 * links speak.
 */

let ciphers: PacketCiphers | undefined;

/** Says who makes the ciphers. ssh2 asks for the first at the end of a connection's key exchange. */
export function providePacketCiphers(provided: PacketCiphers): void {
  ciphers = provided;
}

function required(): PacketCiphers {
  if (ciphers === undefined) throw new Error("nobody has provided ciphers for SSH's packets");
  return ciphers;
}

/** ssh2's word for what seals packets. */
export class AESGCMCipher {
  #sealer: PacketSealer | undefined;

  constructor(_name: string, key: Uint8Array, iv: Uint8Array) {
    this.#sealer = required().makeSealer(key, iv);
  }

  /** Seals a whole packet in place. */
  encrypt(packet: Uint8Array): void {
    this.#sealer?.seal(packet);
  }

  /** The connection has new keys, or has ended. */
  free(): void {
    this.#sealer = undefined;
  }
}

/** ssh2's word for what opens packets. */
export class AESGCMDecipher {
  readonly #opener: PacketOpener;

  constructor(_name: string, key: Uint8Array, iv: Uint8Array) {
    this.#opener = required().makeOpener(key, iv);
  }

  /**
   * Opens a packet's body in place.
   *
   * @throws Error for a forged packet: ssh2 ends the connection.
   */
  decrypt(body: Uint8Array, length: number, tag: Uint8Array): void {
    if (!this.#opener.open(length, body, tag)) throw new Error("Invalid packet: its tag does not fit");
  }
}
