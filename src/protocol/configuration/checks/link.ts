import type { tether } from "../../generated/config.js";
import type { Problems } from "../problems.ts";

/** A key with a comment that somebody has left in it has less. */
const MOST_KEY_BYTES = 4096;

const PRIVATE_KEY =
  /^-----BEGIN OPENSSH PRIVATE KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END OPENSSH PRIVATE KEY-----\s*$/;

/** `string ssh-ed25519, string of 32 bytes` (RFC 8709 section 4) in base64; a comment may follow. */
const PUBLIC_KEY = /^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}(?: [^\0-\x1f\x7f]*)?$/;

/** The message Link. Whether a key is one that fits is found when it is used; its form is looked at here. */
export function checkLink(link: tether.config.Link.$Properties | null | undefined, problems: Problems): void {
  checkKey(link?.hostKey ?? "", PRIVATE_KEY, "private key in OpenSSH's format", problems.at("host_key"));
  const clientKey = link?.clientPublicKey ?? "";
  checkKey(clientKey, PUBLIC_KEY, "`ssh-ed25519 AAAA…`", problems.at("client_public_key"));
}

/** The key's own text is never shown. */
function checkKey(key: string, form: RegExp, what: string, problems: Problems): void {
  if (key === "") problems.add("is missing");
  else if (key.length > MOST_KEY_BYTES)
    problems.add(`has ${key.length} bytes; the most are ${MOST_KEY_BYTES}`);
  else if (!form.test(key)) problems.add(`is no ${what}`);
}
