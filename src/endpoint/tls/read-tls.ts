import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { TetherError } from "../../protocol/errors/index.ts";

/** dockerd's options --tlscacert, --tlscert and --tlskey: paths of PEM files. */
export interface TlsFiles {
  /** Whose certificates clients have. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

/** What a listener of TCP shows, and whom it lets in: who has a certificate of the authority's. */
export interface Tls {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/**
 * Reads what TLS needs, and sees that it fits together.
 *
 * @throws TetherError `invalid-option` that names the file.
 */
export function readTls({ authority, certificate, key }: TlsFiles): Tls {
  const tls = {
    ca: read("--tlscacert", authority),
    cert: read("--tlscert", certificate),
    key: read("--tlskey", key),
  };
  // A context takes an authority that is none, and then trusts nobody.
  attempt(`--tlscacert ${authority}`, () => new X509Certificate(tls.ca));
  attempt(`--tlscert ${certificate}`, () => new X509Certificate(tls.cert));
  attempt(`--tlskey ${key} with --tlscert ${certificate}`, () =>
    createSecureContext({ cert: tls.cert, key: tls.key }),
  );
  return tls;
}

function read(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw TetherError.from(error, "invalid-option", option);
  }
}

function attempt(what: string, use: () => unknown): void {
  try {
    use();
  } catch (error) {
    throw TetherError.from(error, "invalid-option", what);
  }
}
