import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";

/** A list for a message names no more. */
const MOST_NAMED = 5;

/**
 * Who uses a volume that cannot be unmounted: processes whose working directory, root, or open file is on it.
 *
 * @param view where it is mounted in the agent's view.
 * @param target where it is mounted for the container.
 * @returns `sh (123), cat (124)`; what else keeps it, when it is no process.
 */
export function describeUsers(view: string, target: string, proc = "/proc"): string {
  const { dev } = statSync(view, { bigint: true });
  const users = readdirSync(proc)
    .filter((name) => /^\d+$/.test(name) && usesIt(join(proc, name), dev, target))
    .map((pid) => `${nameOf(join(proc, pid))} (${pid})`);
  if (users.length === 0) return "something is mounted below it";
  const more = users.length - MOST_NAMED;
  return users.slice(0, MOST_NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function usesIt(process: string, dev: bigint, target: string): boolean {
  const files = list(join(process, "fd")).map((name) => `fd/${name}`);
  return ["cwd", "root", "exe", ...files].some((name) => isOn(join(process, name), dev, target));
}

/** By its path first: a server that does not answer must not be asked for a file's status. */
function isOn(link: string, dev: bigint, target: string): boolean {
  try {
    const path = readlinkSync(link);
    if (path !== target && !path.startsWith(`${target}/`)) return false;
    return statSync(link, { bigint: true }).dev === dev;
  } catch {
    // It has ended, or closed the file.
    return false;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function nameOf(process: string): string {
  try {
    return readFileSync(join(process, "comm"), "utf8").trim();
  } catch {
    return "a process that has ended";
  }
}
