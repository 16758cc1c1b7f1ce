import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import type { ServedGuest } from "./served-guest.ts";

/** How a program of OpenSSH's ended. */
export interface Finished {
  readonly status: number | null;
  readonly output: Buffer;
  readonly errorOutput: string;
}

/** In place of the guest's own keys, and of no input. */
export interface SshOptions {
  readonly input?: string | Uint8Array;
  readonly key?: string;
  readonly hostKey?: string;
}

/** The options by which Debian's ssh(1), with nc (netcat-openbsd), reaches a guest's socket in a folder. */
export function sshArguments(guest: ServedGuest, { key, hostKey }: SshOptions = {}): string[] {
  const [keyFile, knownHosts] = [join(guest.folder, "key"), join(guest.folder, "known_hosts")];
  writeFileSync(keyFile, key ?? guest.keys.clientPrivateKey, { mode: 0o600 });
  writeFileSync(knownHosts, `guest ${hostKey ?? guest.keys.hostPublicKey}\n`);
  const options = {
    ProxyCommand: `nc -U ${guest.path}`,
    HostKeyAlias: "guest",
    UserKnownHostsFile: knownHosts,
    StrictHostKeyChecking: "yes",
    IdentityFile: keyFile,
    IdentitiesOnly: "yes",
    BatchMode: "yes",
    LogLevel: "ERROR",
  };
  return ["-F", "none", ...Object.entries(options).flatMap((each) => ["-o", each.join("=")])];
}

/** Runs one of OpenSSH's programs to its end. */
export async function runSsh(
  guest: ServedGuest,
  args: readonly string[],
  options: SshOptions = {},
): Promise<Finished> {
  const child = spawn("ssh", [...sshArguments(guest, options), ...args], {
    env: { PATH: process.env["PATH"] },
  });
  // It may have ended before it took any input.
  child.stdin.on("error", () => {});
  const exited = once(child, "close");
  child.stdin.end(options.input ?? "");
  const [output, errorOutput] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
  const [status] = (await exited) as [number | null];
  return { status, output, errorOutput: errorOutput.toString() };
}
