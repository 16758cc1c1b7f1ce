/** Scenarios that share what is made before the first of them. */
export interface Group {
  /** What they are about. */
  readonly name: string;
  /** Commands, one in a line, that have to succeed on both sides. */
  readonly before?: string;
  /** Commands after the last one; what they make of it does not count. */
  readonly after?: string;
  /**
   * By what it shows, each scenario's commands, one in a line. They find the group's own things as it made them, and
   * leave them so; what else they make they remove.
   */
  readonly scenarios: Readonly<Record<string, string>>;
}

/** A scenario's commands. A line that ends with a backslash goes on in the next. */
export function commandsOf(script: string): string[] {
  return script
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
