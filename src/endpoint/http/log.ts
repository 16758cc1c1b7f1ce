/** Where the endpoint tells what it does: one object and one line each (pino's form). */
export interface Log {
  debug(fields: object, line: string): void;
  info(fields: object, line: string): void;
  warn(fields: object, line: string): void;
  error(fields: object, line: string): void;
  /** The same log, with these fields in every line. */
  child(fields: object): Log;
}
