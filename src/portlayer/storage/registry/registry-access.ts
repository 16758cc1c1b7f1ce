import { writeFile } from "node:fs/promises";

import type { ToolRunner } from "../tool-runner.ts";
import type { WorkFolder } from "../work-folder.ts";

/** Who asks a registry. */
export type RegistryLogin =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** What a registry gave for a password once (OAuth 2's refresh token). */
  | { readonly kind: "identity-token"; readonly username: string; readonly token: string };

/** What every request to a registry works with. */
export interface RegistryContext {
  /** The image store's folder. */
  readonly root: string;
  readonly run: ToolRunner;
  readonly signal: AbortSignal | undefined;
  /** Undefined: nobody in particular. This machine's own logins are never used. */
  readonly login: RegistryLogin | undefined;
}

/**
 * Writes the login into a file of the work folder that skopeo reads (containers-auth.json(5)), so that it is in no
 * list of arguments. Without a login the file is there too: skopeo looks nowhere else then.
 *
 * @returns the file.
 */
export async function writeLogin(
  work: WorkFolder,
  registry: string,
  login: RegistryLogin | undefined,
): Promise<string> {
  const file = work.join("auth.json");
  const auths = login === undefined ? {} : { [registry]: describe(login) };
  await writeFile(file, JSON.stringify({ auths }), { mode: 0o600 });
  return file;
}

function describe(login: RegistryLogin): object {
  const encode = (password: string): string =>
    Buffer.from(`${login.username}:${password}`).toString("base64");
  return login.kind === "password"
    ? { auth: encode(login.password) }
    : { auth: encode(""), identitytoken: login.token };
}

/** Registries on this machine may speak plain HTTP, or have a certificate of their own: dockerd's rule. */
export function isInsecure(registry: string): boolean {
  const host = registry.replace(/:\d+$/, "");
  return host === "localhost" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
