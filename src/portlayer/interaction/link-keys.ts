import { generateKeyPairSync, randomBytes } from "node:crypto";

/** The keys of one container VM's link: made for it, used by no other. Text in OpenSSH's formats. */
export interface LinkKeys {
  readonly hostPrivateKey: string;
  readonly hostPublicKey: string;
  readonly clientPrivateKey: string;
  readonly clientPublicKey: string;
}

/** What the host needs of them to connect. */
export type LinkAccess = Pick<LinkKeys, "hostPublicKey" | "clientPrivateKey">;

/** Makes two fresh ed25519 key pairs. */
export function makeLinkKeys(): LinkKeys {
  const host = makeKeyPair();
  const client = makeKeyPair();
  return {
    hostPrivateKey: host.private,
    hostPublicKey: host.public,
    clientPrivateKey: client.private,
    clientPublicKey: client.public,
  };
}

const ALGORITHM = "ssh-ed25519";

/** Cipher `none` counts as one with blocks of 8 bytes (PROTOCOL.key). */
const BLOCK_BYTES = 8;
const CHECK_BYTES = 4;
const BASE64_LINE = /.{1,70}/g;

/**
 * One ed25519 key pair as `ssh-keygen` writes it (OpenSSH, PROTOCOL.key; RFC 8709 section 4).
 *
 * Not by ssh2's own generator: it makes one key in two hundred that nothing can read, because it drops a leading
 * zero (measured with ssh2 1.17.0).
 */
export function makeKeyPair(): { readonly private: string; readonly public: string } {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { x = "", d = "" } = privateKey.export({ format: "jwk" });
  const publicPart = Buffer.from(x, "base64url");
  const secret = Buffer.from(d, "base64url");
  const publicBlob = Buffer.concat([field(ALGORITHM), field(publicPart)]);
  return {
    private: formatPrivateKey(
      publicBlob,
      Buffer.concat([field(publicPart), field(Buffer.concat([secret, publicPart]))]),
    ),
    public: `${ALGORITHM} ${publicBlob.toString("base64")}`,
  };
}

function formatPrivateKey(publicBlob: Buffer, keyFields: Buffer): string {
  const check = randomBytes(CHECK_BYTES);
  const section = Buffer.concat([check, check, field(ALGORITHM), keyFields, field("")]);
  const padding = Array.from(
    { length: (BLOCK_BYTES - (section.length % BLOCK_BYTES)) % BLOCK_BYTES },
    (_, index) => index + 1,
  );
  const file = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    field("none"),
    field("none"),
    field(""),
    uint32(1),
    field(publicBlob),
    field(Buffer.concat([section, Uint8Array.from(padding)])),
  ]);
  const lines = file.toString("base64").match(BASE64_LINE) ?? [];
  return ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----", ""].join(
    "\n",
  );
}

/** A `string` of RFC 4251 section 5. */
function field(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
