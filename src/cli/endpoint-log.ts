import { destination, pino } from "pino";
import type { Log } from "../endpoint/index.ts";

const STANDARD_ERROR = 2;

/** The endpoint's log: lines of JSON on standard error, at once. */
export function makeLog(isVerbose: boolean): Log {
  return pino(
    { level: isVerbose ? "debug" : "info", base: null },
    destination({ dest: STANDARD_ERROR, sync: true }),
  );
}
