import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { TetherError } from "../errors/index.ts";
import { CONFIGURATION_KEY } from "./keys.ts";

/** How a sealed document begins; behind it base64 of nonce, ciphertext and tag. */
export const SEALED_PREFIX = "sealed:v1:";

const KEY_BYTES = 32;
/** NIST SP 800-38D recommends 96 bits; drawn anew each time, so that one key seals every generation of a VM's. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";
/** A text for this key is none for another. */
const PURPOSE = Buffer.from(CONFIGURATION_KEY);

/** A key for one container VM, as the value of `guestinfo.tether.key`. */
export function makeSealKey(): string {
  return randomBytes(KEY_BYTES).toString("base64");
}

/** @returns undefined for what is no key: the guest has erased it, or nobody has set it. */
export function parseSealKey(value: string): Buffer | undefined {
  const key = Buffer.from(value, "base64");
  return key.length === KEY_BYTES && key.toString("base64") === value ? key : undefined;
}

/**
 * Seals a document (AES-256-GCM), so that it may stand in guestinfo for as long as the VM runs: whoever reads it
 * there without the key learns its length.
 *
 * @param document a configuration, gzip-compressed or plain.
 */
export function sealText(document: Uint8Array, key: Buffer): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(PURPOSE);
  const sealed = Buffer.concat([nonce, cipher.update(document), cipher.final(), cipher.getAuthTag()]);
  return SEALED_PREFIX + sealed.toString("base64");
}

/** @throws TetherError `guest-initialisation` for a text that was not sealed with this key. */
export function openSealed(text: string, key: Buffer): Buffer {
  const sealed = Buffer.from(text.slice(SEALED_PREFIX.length), "base64");
  try {
    if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new Error("it is cut");
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(PURPOSE).setAuthTag(sealed.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch (error) {
    throw new TetherError(
      "guest-initialisation",
      `${CONFIGURATION_KEY} was not sealed with the key of this VM`,
      {
        cause: error,
      },
    );
  }
}
