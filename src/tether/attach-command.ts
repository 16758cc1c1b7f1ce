import { ATTACH_COMMAND } from "../protocol/link-names.ts";
import { MAIN_SESSION } from "../session/index.ts";

/** What an attach command asks for. */
export interface AttachCommand {
  /** An exec's, or {@link MAIN_SESSION}. */
  readonly sessionId: string;
  /** Bytes of output and error output that the client has had already. */
  readonly output: number;
  readonly errorOutput: number;
  /** `hold`: the process waits for this client, as long as it is the only one, as for the reader of a pipe. */
  readonly kind: "hold" | "follow";
}

const SYNTAX = /^(\w+)(?: ([0-9a-f]{64}))?(?: (\d{1,15}) (\d{1,15}))?( hold)?$/;

/**
 * `attach [EXEC-ID] [OUTPUT-OFFSET ERROR-OFFSET] [hold]`.
 *
 * @returns undefined for any other command.
 */
export function parseAttach(command: string): AttachCommand | undefined {
  const [, word, sessionId = MAIN_SESSION, output = 0, errorOutput = 0, hold] = SYNTAX.exec(command) ?? [];
  if (word !== ATTACH_COMMAND) return undefined;
  return {
    sessionId,
    output: Number(output),
    errorOutput: Number(errorOutput),
    kind: hold === undefined ? "follow" : "hold",
  };
}
