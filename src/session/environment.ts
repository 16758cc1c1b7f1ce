import type { SessionSpecification } from "./session-specification.ts";

/** Docker's own default. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The process's environment: PATH, HOSTNAME and (with a terminal) TERM before what was given, HOME after
 * it when it was not given. Order and precedence are Docker's; of a variable given twice the last counts.
 */
export function makeEnvironment(specification: SessionSpecification, home: string): Buffer[] {
  const variables = new Map<string, Buffer>();
  const put = (variable: Buffer): void => {
    // latin1 keeps every byte apart, so that names that are not UTF-8 do not fall together.
    const text = variable.toString("latin1");
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    variables.set(name, variable);
  };
  put(Buffer.from(`PATH=${DEFAULT_PATH}`));
  put(Buffer.from(`HOSTNAME=${specification.hostname}`));
  if (specification.tty) put(Buffer.from("TERM=xterm"));
  for (const variable of specification.environment) put(Buffer.from(variable));
  if (!variables.has("HOME")) put(Buffer.from(`HOME=${home}`));
  return [...variables.values()];
}
