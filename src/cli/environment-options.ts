import { readFileSync } from "node:fs";
import { TetherError } from "../protocol/errors/index.ts";

/**
 * Docker's `-e` and `--env-file`: a name without `=` takes the value of this command's own environment, and is
 * left out when it has none. Variables of `-e` come behind those of files, so they win.
 *
 * @throws TetherError `invalid-option` for an empty name or a file that cannot be read.
 */
export function collectEnvironment(
  files: readonly string[],
  variables: readonly string[],
  own: NodeJS.ProcessEnv,
): string[] {
  return [...files.flatMap(readEnvironmentFile), ...variables].flatMap((variable) => {
    if (variable === "" || variable.startsWith("=")) {
      throw new TetherError("invalid-option", `invalid environment variable: ${variable}`);
    }
    if (variable.includes("=")) return [variable];
    const value = own[variable];
    return value === undefined ? [] : [`${variable}=${value}`];
  });
}

function readEnvironmentFile(path: string): string[] {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (error) {
    throw TetherError.from(error, "invalid-option", "--env-file");
  }
  return content
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"));
}
