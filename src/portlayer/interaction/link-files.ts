import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import type { LinkAccess } from "./link-keys.ts";

/** The client's private key, as OpenSSH's `IdentityFile` wants it: readable for its owner alone. */
export const IDENTITY_FILE = "link-key";
/** The guest's host key, as OpenSSH's `UserKnownHostsFile` wants it. */
export const KNOWN_HOSTS_FILE = "known_hosts";

/** The name under which known_hosts knows a container VM. */
export function hostKeyAlias(id: string): string {
  return `tether-${id}`;
}

/** Keeps in the container's folder what every later process needs to connect; a new start replaces it. */
export function writeLinkFiles(folder: string, id: string, keys: LinkAccess): void {
  for (const [name, content] of [
    [IDENTITY_FILE, keys.clientPrivateKey],
    [KNOWN_HOSTS_FILE, `${hostKeyAlias(id)} ${keys.hostPublicKey}\n`],
  ] as const) {
    const path = join(folder, name);
    // The mode counts only for a file that is made.
    rmSync(path, { force: true });
    writeFileSync(path, content, { mode: 0o600 });
  }
}

/** @throws TetherError `guest-lost` when the container VM was started by a `vch` that kept no keys. */
export function readLinkFiles(folder: string): LinkAccess {
  try {
    const [, ...hostKey] = readFileSync(join(folder, KNOWN_HOSTS_FILE), "utf8").trim().split(" ");
    return {
      hostPublicKey: hostKey.join(" "),
      clientPrivateKey: readFileSync(join(folder, IDENTITY_FILE), "utf8"),
    };
  } catch (error) {
    throw TetherError.from(error, "guest-lost", "the keys of the container VM's link");
  }
}
