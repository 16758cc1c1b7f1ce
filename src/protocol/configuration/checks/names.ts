import type { Problems } from "../problems.ts";
import { quote } from "./text.ts";

/** RFC 1035 section 2.3.4, without the trailing dot. */
const MOST_DOMAIN_BYTES = 253;

/** RFC 1123 section 2.1; and the underscore, which Docker's and compose's names have. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** A host name or domain: labels of 1 to 63 letters, digits, hyphens and underscores, `most` bytes in all. */
export function checkHostName(text: string, problems: Problems, most: number = MOST_DOMAIN_BYTES): void {
  const isLegal = text.length <= most && text.split(".").every((label) => LABEL.test(label));
  if (!isLegal) problems.add(`${quote(text)} is no host name of 1 to ${most} bytes (RFC 1123)`);
}
