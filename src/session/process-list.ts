import { readFileSync } from "node:fs";

/** One process, as `top` shows it (proc(5)). */
export interface ProcessFacts {
  readonly pid: number;
  readonly parentPid: number;
  readonly uid: number;
  readonly cpuMs: number;
  readonly residentBytes: number;
  readonly virtualBytes: number;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  /** A letter: R, S, D, T, Z, I. */
  readonly state: string;
  /** `pts/0`; empty without one. */
  readonly terminal: string;
  readonly name: string;
  /** Empty for a process without a command line: a zombie. */
  readonly args: readonly Uint8Array[];
  readonly threads: number;
}

/** Linux's USER_HZ, in which /proc counts: fixed on x86. */
const TICKS_PER_SECOND = 100;

/** A command line is shown, not executed: a megabyte of it would only be in the way. */
const MOST_ARGUMENT_BYTES = 16 * 1024;

/** The majors of pseudo-terminals (Documentation/admin-guide/devices.txt). */
const PTS_FIRST_MAJOR = 136;
const PTS_LAST_MAJOR = 143;
const CONSOLE_MAJOR = 4;

/**
 * Reads what the kernel knows of some processes; those that have ended meanwhile are left out.
 *
 * @param proc another folder in tests.
 */
export function readProcesses(pids: readonly number[], proc = "/proc"): ProcessFacts[] {
  const bootMs = readBootTime(proc);
  return pids.flatMap((pid) => readProcess(`${proc}/${pid}`, pid, bootMs) ?? []);
}

function readProcess(folder: string, pid: number, bootMs: number): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`${folder}/stat`, "latin1");
    const status = readFileSync(`${folder}/status`, "latin1");
    const opening = stat.indexOf("(");
    const closing = stat.lastIndexOf(")");
    // Field 3, the state, is the first behind the name, which may hold anything.
    const field = stat.slice(closing + 2).split(" ");
    const number = (index: number): number => Number(field[index - 3] ?? 0);
    return {
      pid,
      parentPid: number(4),
      uid: Number(/^Uid:\t\d+\t(\d+)/m.exec(status)?.[1] ?? 0),
      cpuMs: ((number(14) + number(15)) * 1000) / TICKS_PER_SECOND,
      // Not stat's field 24, which lags behind; a zombie has none.
      residentBytes: Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024,
      virtualBytes: number(23),
      startedMs: bootMs + (number(22) * 1000) / TICKS_PER_SECOND,
      state: field[0] ?? "",
      terminal: describeTerminal(number(7)),
      name: Buffer.from(stat.slice(opening + 1, closing), "latin1").toString("utf8"),
      args: readArguments(`${folder}/cmdline`),
      threads: number(20),
    };
  } catch {
    // It has ended between the two looks at it.
    return undefined;
  }
}

function readArguments(path: string): Uint8Array[] {
  const bytes = readFileSync(path).subarray(0, MOST_ARGUMENT_BYTES);
  const args: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    args.push(bytes.subarray(start, end < 0 ? bytes.length : end));
    start = end < 0 ? bytes.length : end + 1;
  }
  return args;
}

/** The minor's low byte, then 12 bits of major, then the minor's rest (proc(5), tty_nr). */
function describeTerminal(number: number): string {
  const major = (number >> 8) & 0xfff;
  const minor = (number & 0xff) | ((number >> 12) & 0xfff00);
  if (major >= PTS_FIRST_MAJOR && major <= PTS_LAST_MAJOR)
    return `pts/${(major - PTS_FIRST_MAJOR) * 256 + minor}`;
  return major === CONSOLE_MAJOR ? `tty${minor}` : "";
}

/** proc(5), /proc/stat: `btime`, seconds since 1970. */
function readBootTime(proc: string): number {
  return Number(/^btime (\d+)$/m.exec(readFileSync(`${proc}/stat`, "latin1"))?.[1] ?? 0) * 1000;
}
