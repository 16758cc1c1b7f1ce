/** What a side has by another name than the other one, and what stands for it. */
export type Names = Readonly<Record<string, string>>;

/**
 * Takes out of a text what no two engines have in common: ids, times, ages, sizes of images and disks, where each keeps
 * its files; and the width of columns, which goes by those.
 */
export function normalise(text: string, names: Names): string {
  let normal = text;
  for (const [name, replacement] of Object.entries(names)) normal = normal.replaceAll(name, replacement);
  for (const [pattern, replacement] of RULES) normal = normal.replaceAll(pattern, replacement);
  return normal;
}

const RULES: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{64}\b/g, "FULL-ID"],
  [/\b[0-9a-f]{12}\b/g, "ID"],
  // Go's time that is none stays: it says that something has not happened.
  [/\b(?!0001-)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, "TIME"],
  [/\b(?!0001-)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [+-]\d{4} [A-Z]+/g, "TIME"],
  [/\b(Less than a second|(About )?(an?|\d+) (second|minute|hour|day|week|month|year)s?)( ago)?\b/g, "AGE"],
  // Docker's random names for containers, and the hint of its client to get help.
  [/^See 'docker [a-z ]*--help'\.?$/gm, "SEE HELP"],
  // The client logs when an answer comes before it has sent everything, which goes by chance.
  [/^time="TIME" level=error msg="Can't .*\n/gm, ""],
  [/ {2,}/g, "  "],
  [/\r/g, "\\r"],
];
