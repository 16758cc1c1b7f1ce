import type { NativeBinding } from "./native-binding.ts";

/** Seals the packets of one direction of an SSH connection (RFC 5647, AEAD_AES_128_GCM). */
export interface PacketSealer {
  /**
   * Seals a packet in place.
   *
   * @param packet the length field, the padding's length, the payload, and room for the padding, which is made here, and
   *   for the tag of 16 bytes.
   */
  seal(packet: Uint8Array): void;
}

/** Opens the packets of one direction of an SSH connection. */
export interface PacketOpener {
  /**
   * Opens a packet in place.
   *
   * @param length the packet's length field.
   * @param tag 16 bytes.
   * @returns whether it is genuine; one that is not must not be looked at.
   */
  open(length: number, body: Uint8Array, tag: Uint8Array): boolean;
}

/** Makes ciphers for SSH's packets. A key has 16 bytes, an initial IV 12; both are copied. */
export interface PacketCiphers {
  makeSealer(key: Uint8Array, iv: Uint8Array): PacketSealer;
  makeOpener(key: Uint8Array, iv: Uint8Array): PacketOpener;
}

/**
 * {@link PacketCiphers} by the addon: one call for each packet, where node:crypto takes nine and makes six objects,
 * which is half of what a packet costs the agent in a guest under TCG (bench/FINDINGS.md).
 */
export class NativePacketCiphers implements PacketCiphers {
  readonly #native: NativeBinding;

  constructor(native: NativeBinding) {
    this.#native = native;
  }

  makeSealer(key: Uint8Array, iv: Uint8Array): PacketSealer {
    const native = this.#native;
    const cipher = native.makePacketCipher(key, iv);
    return { seal: (packet) => native.sealPacket(cipher, packet) };
  }

  makeOpener(key: Uint8Array, iv: Uint8Array): PacketOpener {
    const native = this.#native;
    const cipher = native.makePacketCipher(key, iv);
    return { open: (length, body, tag) => native.openPacket(cipher, length, body, tag) };
  }
}
