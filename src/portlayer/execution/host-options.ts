import { isIP } from "node:net";
import { TetherError } from "../../protocol/errors/index.ts";

/** A line of /etc/hosts beside the container's own. */
export interface ExtraHost {
  readonly name: string;
  readonly address: string;
}

/**
 * Reads Docker's `--add-host NAME:ADDRESS` (or `NAME=ADDRESS`; an IPv6 address may be in brackets).
 *
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function parseExtraHost(text: string): ExtraHost {
  const wrong = (reason: string): TetherError =>
    new TetherError(
      "invalid-option",
      `invalid argument ${JSON.stringify(text)} for "--add-host" flag: ${reason}`,
    );
  const [, name, value] = /^([^:=\s]+)[:=](.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw wrong(`bad format for add-host: ${JSON.stringify(text)}`);
  const address = /^\[(.*)\]$/s.exec(value)?.[1] ?? value;
  if (isIP(address) === 0) throw wrong(`invalid IP address in add-host: ${JSON.stringify(value)}`);
  return { name, address };
}
