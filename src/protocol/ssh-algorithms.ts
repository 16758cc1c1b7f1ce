import type { Algorithms } from "ssh2";

/**
 * The algorithms of every link. Both ends are ours or OpenSSH's, which has had them since 6.5 (2014).
 * AES-GCM because Node's OpenSSL does it natively; ssh2's ChaCha20-Poly1305 is WebAssembly, which would have to
 * be compiled at every start of a guest.
 */
export const SSH_ALGORITHMS = {
  kex: ["curve25519-sha256", "curve25519-sha256@libssh.org"],
  cipher: ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"],
  serverHostKey: ["ssh-ed25519"],
  compress: ["none"],
} as const satisfies Algorithms;
