import type { OutputRecord } from "../session/index.ts";
import type { LogWriter } from "./log-writer.ts";
import type { LoggedOffsets } from "./state-store.ts";

/**
 * Where the main process's output is logged.
 *
 * @param logged what an agent before this one has logged of it.
 * @param save notes, at each record, how far it has been logged.
 */
export function outputRecord(
  log: LogWriter,
  logged: LoggedOffsets,
  save: (logged: LoggedOffsets) => void,
): OutputRecord {
  let latest = logged;
  const note = (change: Partial<LoggedOffsets>): void => {
    latest = { ...latest, ...change, fileBytes: log.writtenBytes };
    save(latest);
  };
  note({});
  return {
    output: log.output("stdout", logged.output, (output) => note({ output })),
    errorOutput: log.output("stderr", logged.errorOutput, (errorOutput) => note({ errorOutput })),
    outputOffset: logged.output,
    errorOutputOffset: logged.errorOutput,
  };
}
