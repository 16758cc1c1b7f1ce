import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where Debian has what only root runs; not everybody's PATH names them. */
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/**
 * A bench installs nothing on the machine that it measures.
 *
 * @param programs with Debian's package of each.
 * @throws Error that says what to install.
 */
export function refuseMissing(programs: Readonly<Record<string, string>>): void {
  const missing = Object.entries(programs).filter(([program]) => !isInstalled(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(([, name]) => name))].join(" ");
  throw new Error(
    `${missing.map(([program]) => program).join(", ")} is missing: apt-get install ${packages}`,
  );
}

/** The environment with the folders of what only root runs. */
export function systemEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: folders().join(delimiter) };
}

function folders(): string[] {
  return [...(process.env["PATH"] ?? "").split(delimiter), ...SYSTEM_FOLDERS];
}

function isInstalled(program: string): boolean {
  return folders().some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      // It may be in another one.
      return false;
    }
  });
}
