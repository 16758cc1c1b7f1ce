import { constants } from "node:os";
import { TetherError } from "./errors/index.ts";

/** Linux's real-time signals: glibc keeps 32 and 33 for itself, so SIGRTMIN is 34 (signal(7)). */
const REAL_TIME_MINIMUM = 34;
const REAL_TIME_MAXIMUM = 64;

/**
 * Reads a signal as Docker does: a name with or without `SIG`, in any case, `RTMIN+n`, `RTMAX-n`, or
 * a number from 1 to 64.
 *
 * @throws TetherError `invalid-option` that quotes the text.
 */
export function parseSignal(text: string): number {
  const number = signalNumber(text.trim().toUpperCase().replace(/^SIG/, ""));
  if (number === undefined) throw new TetherError("invalid-option", `invalid signal: ${text}`);
  return number;
}

/** The name of a signal without `SIG` (RFC 4254 section 6.10 wants it so), or its number as text. */
export function signalName(number: number): string {
  for (const [name, value] of Object.entries(constants.signals)) {
    if (value === number && !ALIASES.has(name)) return name.slice(3);
  }
  return String(number);
}

const ALIASES = new Set(["SIGIOT", "SIGPOLL", "SIGUNUSED"]);

function signalNumber(name: string): number | undefined {
  if (/^\d{1,2}$/.test(name)) {
    const number = Number(name);
    return number >= 1 && number <= REAL_TIME_MAXIMUM ? number : undefined;
  }
  const realTime = /^(RTMIN|RTMAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realTime !== null) {
    const base = realTime[1] === "RTMIN" ? REAL_TIME_MINIMUM : REAL_TIME_MAXIMUM;
    const offset = Number(realTime[3] ?? 0) * (realTime[2] === "-" ? -1 : 1);
    const number = base + offset;
    return number >= REAL_TIME_MINIMUM && number <= REAL_TIME_MAXIMUM ? number : undefined;
  }
  const signals: Record<string, number> = constants.signals;
  return Object.hasOwn(signals, `SIG${name}`) ? signals[`SIG${name}`] : undefined;
}
