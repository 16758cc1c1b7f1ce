import type { tether } from "../../generated/config.js";
import type { Problems } from "../problems.ts";
import { checkIpAddress } from "./addresses.ts";
import { checkHostName } from "./names.ts";
import { bounded } from "./text.ts";

/** Of lines, and of names in a line: more than any /etc/hosts that is looked up from its beginning should have. */
const MOST_ENTRIES = 4096;
const MOST_NAMES = 64;

/** The messages HostEntry. */
export function checkHosts(
  entries: readonly tether.config.HostEntry.$Properties[] | null | undefined,
  problems: Problems,
): void {
  for (const [index, entry] of bounded(entries, MOST_ENTRIES, problems).entries()) {
    const at = problems.at(index);
    checkIpAddress(entry.address ?? "", at.at("address"));
    const names = bounded(entry.names, MOST_NAMES, at.at("names"));
    if (names.length === 0) at.at("names").add("is empty");
    for (const [place, name] of names.entries()) checkHostName(name, at.at("names").at(place));
  }
}
