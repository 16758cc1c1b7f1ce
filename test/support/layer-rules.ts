/** One import, or one use of something that only one place may use. */
export interface Violation {
  readonly file: string;
  readonly problem: string;
}

/** Which folders of src may import which others: the arrows of DESIGN.md. Everything else is forbidden. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  system: ["protocol"],
  init: ["system", "protocol"],
  session: ["system", "protocol"],
  files: ["system", "protocol"],
  stats: ["system", "protocol"],
  tether: ["init", "session", "files", "stats", "system", "protocol"],
  hypervisor: ["protocol"],
  // The port layer starts machines on the boot medium, whose description iso-build owns.
  portlayer: ["hypervisor", "protocol", "iso-build"],
  endpoint: ["portlayer", "protocol"],
  cli: ["endpoint", "portlayer", "hypervisor", "protocol"],
};

const guestFolders = ["system", "init", "session", "files", "stats", "tether"];

/** Packages and words that only some folders or files may name, each with its reason. */
const reserved = [
  {
    // libuv would wait for its children and the reaper for its own: one of them loses a status.
    pattern: /["'](?:node:)?child_process["']/,
    allows: (file: string) => !guestFolders.includes(folderOf(file)),
    problem: "guest code starts processes through the System only, since the reaper alone owns waiting",
  },
  {
    pattern: /["']ssh2(?:\/[^"']*)?["']/,
    allows: (file: string) => !["session", "files", "stats", "init", "system"].includes(folderOf(file)),
    problem: "only tether knows that clients speak SSH",
  },
  {
    pattern: /\bprocess\.dlopen\b|(?:require\(|from )["'][^"']*\.node["']/,
    allows: (file: string) => ["src/system/linux-system.ts", "src/tether/node-pty.ts"].includes(file),
    problem: "only src/system/linux-system.ts loads the addon, only src/tether/node-pty.ts node-pty's",
  },
];

/** design.md's limit; the lint holds it for the rest of the repository. */
const longestFileLines = 500;

/**
 * Checks one file of src against the dependency rules.
 *
 * @param file its path from the root of the repository: `src/FOLDER/...`.
 */
export function findViolations(file: string, source: string): Violation[] {
  const own = folderOf(file);
  const allowed = mayImport[own];
  if (allowed === undefined) return [{ file, problem: `no rule knows the folder ${own}` }];
  const problems = reserved
    .filter((rule) => rule.pattern.test(source) && !rule.allows(file))
    .map((rule) => rule.problem);
  for (const specifier of importSpecifiers(source)) {
    if (!specifier.startsWith(".")) continue;
    const target = resolveFrom(file, specifier);
    const folder = (target[0] === "src" ? target[1] : target[0]) ?? "";
    if (folder !== own && !allowed.includes(folder)) problems.push(`imports ${specifier}`);
  }
  if (source.split("\n").length > longestFileLines + 1) problems.push(`has over ${longestFileLines} lines`);
  return problems.map((problem) => ({ file, problem }));
}

/** Static, re-exporting, dynamic and required alike. */
function importSpecifiers(source: string): string[] {
  const pattern = /(?:\bfrom\s+|\bimport\s+|\bimport\(\s*|\brequire\(\s*)(["'])(?<specifier>[^"'\n]+)\1/g;
  return [...source.matchAll(pattern)].map((match) => match.groups?.["specifier"] ?? "");
}

function folderOf(file: string): string {
  return file.split("/")[1] ?? "";
}

/** The words of the path that a relative specifier means. */
function resolveFrom(file: string, specifier: string): string[] {
  return new URL(specifier, `file:///${file}`).pathname.slice(1).split("/");
}
