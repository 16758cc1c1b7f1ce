import { setFlagsFromString } from "node:v8";
import type { System } from "../system/system.ts";

/** Longer than any start on a machine that is not overloaded; what runs then runs for a while, or comes again. */
const START_MS = 3000;

/**
 * The agent does most things once a second or once a session: V8's 400 calls until Maglev takes a function would be
 * seven minutes of samples. With this they are half a minute, and a sample's second costs a quarter less from then on
 * (bench/FINDINGS.md). Turbofan, which takes ten times as long, is left to what is really hot.
 */
const TIERING = ["invocation-count-for-maglev=20", "minimum-invocations-after-ic-update=10"];

/**
 * Once the start is over: does what the start did not have to wait for, turns V8's optimising compilers on, and gives
 * back the memory that the start has freed. (Not V8's: a collection costs more memory of its own than it finds.)
 *
 * The boot script has turned the compilers off (scripts/agent/bootstrap.cjs): what they make of the code of a start is
 * finished when the start is over, and a guest whose processors share one thread of the emulator spends a fifth of its
 * start's time on it.
 */
export function settleLater(
  system: Pick<System, "trimMemory">,
  settled: () => void,
  delayMs: number = START_MS,
): void {
  setTimeout(() => {
    settled();
    for (const flag of ["maglev", "turbofan", ...TIERING]) setFlagsFromString(`--${flag}`);
    system.trimMemory();
  }, delayMs).unref();
}
