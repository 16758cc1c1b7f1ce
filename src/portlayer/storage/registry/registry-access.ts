import { writeFile } from "node:fs/promises";

import type { ToolRunner } from "../tool-runner.ts";
import type { WorkFolder } from "../work-folder.ts";

/** Who asks a registry. */
export type RegistryLogin =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** What a registry gave for a password once (OAuth 2's refresh token). */
  | { readonly kind: "identity-token"; readonly username: string; readonly token: string };

/** `machine`: what this machine's own containers configuration knows of a registry. Undefined: nobody in particular. */
export type RegistryUser = RegistryLogin | "machine" | undefined;

/** What every request to a registry works with. */
export interface RegistryContext {
  /** The image store's folder. */
  readonly root: string;
  readonly run: ToolRunner;
  readonly signal: AbortSignal | undefined;
  readonly login: RegistryUser;
}

/**
 * Skopeo's options for a registry. The login is in a file of the work folder (containers-auth.json(5)), so that it is in
 * no list of arguments. Without a login the file is there too: skopeo looks nowhere else then.
 *
 * @param side as which the registry takes part in a copy; `""` where there is no copy.
 */
export async function registryOptions(
  work: WorkFolder,
  registry: string,
  { login, side }: { readonly login: RegistryUser; readonly side: "" | "src-" | "dest-" },
): Promise<string[]> {
  const options = isInsecure(registry) ? [`--${side}tls-verify=false`] : [];
  if (login !== "machine") options.push(`--${side}authfile`, await writeLogin(work, registry, login));
  return options;
}

async function writeLogin(
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
