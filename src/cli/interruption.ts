import { constants } from "node:os";

/** The command was ended by a signal: it says nothing and ends with 128 plus the signal, as a shell shows it. */
export class Interruption extends Error {
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`ended by ${signal}`);
    this.name = "Interruption";
    this.exitCode = 128 + constants.signals[signal];
  }
}
