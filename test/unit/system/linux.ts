import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { LinuxSystem } from "../../../src/system/linux-system.ts";
import { built, nativeSystem } from "../../support/native-system.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** The real system, in the test's own process: for calls that change nothing outside it. */
export const linux: LinuxSystem = nativeSystem();

const run = promisify(execFile);
const LONGEST_CHILD_MS = 30_000;

/** The namespaces that an isolated child has for itself, as options of unshare(1). */
export const EVERY_NAMESPACE: readonly string[] = ["-m", "-u", "-i", "-n", "-p", "-f", "--mount-proc"];

/**
 * Runs JavaScript in a node of its own, as root of new namespaces (PID 1 in its PID namespace), so that
 * mounts, names and waiting do not touch this machine; /mnt is empty and its own. The source has `system`, `fs`, `path` and `assert`,
 * a function `attempt(call)` that gives `{code, errno, syscall, path}` of the error, and `takeChild()`, which reaps
 * an ended child, if there is one; what it passes to `result` comes back.
 */
export async function isolated(
  source: string,
  { namespaces = EVERY_NAMESPACE }: { namespaces?: readonly string[] } = {},
): Promise<unknown> {
  const args = [...namespaces, process.execPath, "--input-type=module", "-e", prelude() + source];
  const { stdout } = await run("unshare", args, { timeout: LONGEST_CHILD_MS, maxBuffer: 1 << 26 });
  const line = stdout.split("\n").find((text) => text.startsWith("RESULT "));
  return line === undefined ? undefined : JSON.parse(line.slice("RESULT ".length));
}

function prelude(): string {
  return `
    import fs from "node:fs";
    import path from "node:path";
    import assert from "node:assert/strict";
    import { LinuxSystem, loadNativeAddon } from ${JSON.stringify(`${root}src/system/linux-system.ts`)};
    const system = new LinuxSystem(loadNativeAddon(${JSON.stringify(built("tether.node"))}));
    const result = (value) => fs.writeSync(1, "RESULT " + JSON.stringify(value) + "\\n");
    const attempt = (call) => {
      try { call(); } catch (error) {
        const { code, errno, syscall, path } = error;
        return { name: error.name, code, errno, syscall, path };
      }
    };
    const takeChild = () => {
      const child = system.peekChild();
      return child && system.reapChild(child.pid);
    };
    const MS_RDONLY = 1, MS_NOSUID = 2, MS_NODEV = 4, MS_REMOUNT = 32, MS_BIND = 4096, MS_REC = 16384;
    system.mount("tmpfs", "/mnt", "tmpfs", 0, null);
  `;
}
