import keygen from "ssh2/lib/keygen.js";

/** The keys of one container VM's link: made for it, used by no other. Text in OpenSSH's formats. */
export interface LinkKeys {
  readonly hostPrivateKey: string;
  readonly hostPublicKey: string;
  readonly clientPrivateKey: string;
  readonly clientPublicKey: string;
}

/** Makes two fresh ed25519 key pairs. */
export function makeLinkKeys(): LinkKeys {
  const host = keygen.generateKeyPairSync("ed25519");
  const client = keygen.generateKeyPairSync("ed25519");
  return {
    hostPrivateKey: host.private,
    hostPublicKey: host.public,
    clientPrivateKey: client.private,
    clientPublicKey: client.public,
  };
}
