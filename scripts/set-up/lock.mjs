import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Short against any step, long enough to cost nothing. */
const pollMs = 200;

/**
 * Runs `work` while holding the lock file at `path`; waits, with one progress line, as long as its owner lives.
 * The file names its owner by process id *and* start time, so that a lock left by a killed set-up is taken
 * over even when its process id is in use again.
 *
 * @template T
 * @param {string} path
 * @param {Pick<import("./report.mjs").Report, "line">} report
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(path, report, work) {
  const mine = `${process.pid} ${startTimeOf(process.pid)}`;
  mkdirSync(dirname(path), { recursive: true });
  let hasSaid = false;
  for (let owner = tryAcquire(path, mine); owner !== undefined; owner = tryAcquire(path, mine)) {
    if (isStale(owner)) {
      removeStale(path, owner, mine);
      continue;
    }
    if (!hasSaid) report.line(`waiting for another set-up of this folder (process ${owner.split(" ")[0]})`);
    hasSaid = true;
    await sleep(pollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/**
 * @param {string} path
 * @param {string} mine
 * @returns {string | undefined} the owner when it is someone else
 */
function tryAcquire(path, mine) {
  const draft = `${path}.${process.pid}`;
  // link(2) of a finished file: nobody ever reads a lock without its owner.
  writeFileSync(draft, mine);
  try {
    linkSync(draft, path);
    return undefined;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    // Without an owner it was released just now: whoever comes first has it.
    return readOwner(path) ?? tryAcquire(path, mine);
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Takes a dead owner's lock away. Two waiters may try it at once, and the second would take what the first has
 * just acquired: whoever finds another's name on what it took puts it back.
 *
 * @param {string} path
 * @param {string} owner
 * @param {string} mine
 */
function removeStale(path, owner, mine) {
  const aside = `${path}.stale.${mine.replace(" ", ".")}`;
  try {
    renameSync(path, aside);
    if (readOwner(aside) !== owner) linkSync(aside, path);
  } catch (error) {
    // ENOENT: it is gone already; EEXIST: someone else acquired it meanwhile. Both are seen at the next try.
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "EEXIST") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** @param {string} owner */
function isStale(owner) {
  const [pid, startTime] = owner.split(" ");
  // A file that was cut short (a full disk) names nobody.
  return startTime === undefined || startTimeOf(Number(pid)) !== startTime;
}

/** @param {string} path */
function readOwner(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Field 22 of /proc/PID/stat (proc(5)), in clock ticks since boot; undefined when there is no such process.
 *
 * @param {number} pid
 * @returns {string | undefined}
 */
function startTimeOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the name in parentheses, which may hold spaces and parentheses itself.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
