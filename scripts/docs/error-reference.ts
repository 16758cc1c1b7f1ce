import { ERROR_CATALOGUE } from "../../src/protocol/errors/index.ts";

/** The text of docs/reference/errors.md, made from the catalogue. */
export function errorReference(): string {
  const rows = Object.entries(ERROR_CATALOGUE).map(
    ([code, entry]) =>
      `| \`${code}\` | ${entry.exitCode} | ${entry.httpStatus} | ${entry.isUserError ? "input or environment" : "ours"} | ${"hint" in entry ? entry.hint : ""} |`,
  );
  return [
    "# Errors",
    "",
    "Made from `src/protocol/errors/catalogue.ts` by `npm run docs`; a test compares.",
    "",
    "Every error that ends a command is one line on standard error, `vch: ` and what failed, on what and why; a hint",
    "may follow. The exit status is `docker run`'s: 125 the container could not be made or started, 126 its command",
    "cannot be executed, 127 its command was not found; else the process's own, 128 plus the signal that ended it.",
    "",
    "| code | exit status | API status | at fault | hint |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
