import type { ReadJson } from "./json/from-json.ts";
import type { Problem } from "./problems.ts";
import { problemsOf } from "./problems-of.ts";

/**
 * Everything that is wrong with a document that was written as JSON: what could not be read, and what of the rest is
 * not in order. What could not be read is missing, too; that it is so is not told again.
 */
export async function validate({ document, problems }: ReadJson): Promise<readonly Problem[]> {
  const further = await problemsOf(document);
  return [...problems, ...further.filter(({ path }) => !problems.some((each) => isIn(path, each.path)))];
}

function isIn(path: string, outer: string): boolean {
  return outer === "" || path === outer || (path.startsWith(outer) && /^[.[]/.test(path.slice(outer.length)));
}
