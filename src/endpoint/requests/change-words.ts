import { ApiError } from "../http/api-error.ts";

/** Words of a Dockerfile's line: what stands in quotation marks, or behind a backslash, is together. One may be missing. */
const WORD = /(?:"(?:\\.|[^"\\])*(?:"|$)|'[^']*(?:'|$)|\\.|[^\s"'\\])+/gs;

/**
 * Reads `NAME=VALUE NAME="A VALUE"`, or in the older form one name and the rest of the line, as dockerd does (BuildKit,
 * frontend/dockerfile/parser/line_parsers.go).
 *
 * @param name of the instruction.
 * @throws ApiError 400 in dockerd's words.
 */
export function readPairs(name: string, text: string): [string, string][] {
  const words = text.match(WORD) ?? [];
  if (words[0]?.includes("=") !== true) {
    const [, key = "", value] = /^(\S+)\s+(.*)$/s.exec(text) ?? [];
    if (value === undefined) throw new ApiError(400, `${name} must have two arguments`);
    return [[key, value]];
  }
  return words.map((word) => {
    const at = word.indexOf("=");
    if (at < 0)
      throw new ApiError(
        400,
        `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
      );
    const key = unquote(word.slice(0, at));
    if (key === "") throw new ApiError(400, `${name} names can not be blank`);
    return [key, unquote(word.slice(at + 1))];
  });
}

function unquote(text: string): string {
  const rest = text.replaceAll(/"(?:\\.|[^"\\])*"|'[^']*'|\\./gs, "");
  const [mark] = /["']/.exec(rest) ?? [];
  if (mark !== undefined)
    throw new ApiError(
      400,
      `failed to process ${JSON.stringify(text)}: unexpected end of statement while looking for matching ${mark === '"' ? "double" : "single"}-quote`,
    );
  return text.replaceAll(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs, (_all, double, single, escaped) =>
    double === undefined ? (single ?? escaped) : String(double).replaceAll(/\\(["\\$])/g, "$1"),
  );
}
