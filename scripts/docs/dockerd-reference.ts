import { DIFFERENCES } from "../../test/docker/differential/differences.ts";
import { GROUPS } from "../../test/docker/differential/scenarios/index.ts";
import type { Difference } from "../../test/support/docker-comparison.ts";

/** How many scenarios there are, and in how many of them dockerd and the endpoint say the same. */
export function countScenarios(): { readonly all: number; readonly same: number } {
  const names = GROUPS.flatMap(({ scenarios }) => Object.keys(scenarios));
  const different = new Set(DIFFERENCES.map(({ question }) => question));
  return { all: names.length, same: names.filter((name) => !different.has(name)).length };
}

/** The text of docs/reference/dockerd.md, made from the scenarios of the differential test. */
export function dockerdReference(): string {
  const { all, same } = countScenarios();
  return [
    "# dockerd and vch serve",
    "",
    "Made from `test/docker/differential` by `npm run docs`; a test compares.",
    "",
    "The `docker` command runs the same scripts with Debian's dockerd 20.10 and with `vch serve`; what each line prints on",
    `both outputs and its exit status are compared. Of ${all} scenarios ${same} are the same to the letter, but for ids, times, ages and the`,
    "width of columns. In the others the lines below differ (`-` are dockerd's, `+` the endpoint's), each for a reason; a",
    "difference that is gone, or another one, fails the test.",
    "",
    "| scenarios of | are | the same |",
    "|---|---|---|",
    ...GROUPS.map(({ name, scenarios }) => {
      const names = Object.keys(scenarios);
      const different = names.filter((each) => DIFFERENCES.some(({ question }) => question === each));
      return `| ${name} | ${names.length} | ${names.length - different.length} |`;
    }),
    ...DIFFERENCES.flatMap(section),
    "",
  ].join("\n");
}

function section({ question, reason, docker = [], vch = [] }: Difference): string[] {
  const lines = [...docker.map((line) => `- ${line}`), ...vch.map((line) => `+ ${line}`)];
  return ["", `## ${question}`, "", capitalised(reason), "", "```diff", ...lines, "```"];
}

function capitalised(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}
