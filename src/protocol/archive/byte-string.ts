/**
 * A name, path or link target as the kernel has it: bytes, one character from U+0000 to U+00FF each (Node's
 * `latin1`). File names need not be UTF-8; so they survive being split, joined and compared.
 */
export type ByteString = string;

/** The bytes, as Node's file calls and the addon take them. */
export function toBytes(name: ByteString): Buffer {
  return Buffer.from(name, "latin1");
}

export function fromBytes(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** From a text of our own: its UTF-8 bytes. */
export function fromText(text: string): ByteString {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** For a message: one line, whatever the name holds. */
export function toText(name: ByteString): string {
  const text = toBytes(name).toString("utf8");
  return text.replaceAll(/[\u0000-\u001f\u007f]/g, (character) => JSON.stringify(character).slice(1, -1));
}
