import { readFileSync } from "node:fs";

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot (proc(5), /proc/pid/stat, field 22). */
  readonly startTime: string;
}

/** @returns undefined when there is no such process. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const startTime = readStartTime(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

/**
 * True while that very process runs; a zombie does not, unless it has threads: files are closed, and their locks given
 * up, by the last one.
 */
export function isRunning({ pid, startTime }: ProcessIdentity): boolean {
  return readStartTime(pid) === startTime;
}

function readStartTime(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The command's name may hold spaces and parentheses: the fields begin behind the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, threads, startTime] = [fields[0], fields[17], fields[19]];
  return state === "Z" && Number(threads) <= 1 ? undefined : startTime;
}
