import { TetherError } from "../protocol/errors/index.ts";
import { Interruption } from "./interruption.ts";

/**
 * Tells when this command's output cannot be written any more. A reader that has gone ends a command quietly, as
 * SIGPIPE would, which Node ignores.
 *
 * @returns stops watching.
 */
export function watchOutputs(onFailure: (reason: Error) => void): Disposable {
  const fail = (error: NodeJS.ErrnoException): void =>
    onFailure(
      error.code === "EPIPE"
        ? new Interruption("SIGPIPE")
        : TetherError.from(error, "internal", "writing the output"),
    );
  const outputs = [process.stdout, process.stderr];
  for (const output of outputs) output.on("error", fail);
  return {
    [Symbol.dispose]: () => {
      for (const output of outputs) output.off("error", fail);
    },
  };
}
