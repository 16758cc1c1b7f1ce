import type { Problems } from "../problems.ts";
import { MOST_NAME_BYTES, MOST_PATH_BYTES, quote } from "./text.ts";

/**
 * A path's words, without empty ones and `.`; undefined when something is wrong with it. Paths are bytes; as Latin-1
 * every byte is a character of its own, so that words which are not UTF-8 do not fall together.
 */
export function checkPath(path: Uint8Array, problems: Problems): readonly string[] | undefined {
  if (path.includes(0)) return refuse("holds a NUL byte", problems);
  if (path.length > MOST_PATH_BYTES)
    return refuse(`has ${path.length} bytes; the most are ${MOST_PATH_BYTES}`, problems);
  const words = Buffer.from(path).toString("latin1").split("/");
  if (words.includes(".."))
    return refuse(`${quote(Buffer.from(path).toString())} has a component ..`, problems);
  if (words.some((word) => word.length > MOST_NAME_BYTES))
    return refuse(`has a component of more than ${MOST_NAME_BYTES} bytes`, problems);
  return words.filter((word) => word !== "" && word !== ".");
}

/** As {@link checkPath}, of one that begins with a slash. */
export function checkAbsolutePath(path: Uint8Array, problems: Problems): readonly string[] | undefined {
  if (path[0] === SLASH) return checkPath(path, problems);
  return refuse(
    path.length === 0 ? "is empty" : `${quote(Buffer.from(path).toString())} is not absolute`,
    problems,
  );
}

/** Whether `inner` is `outer` or below it. */
export function isWithin(inner: readonly string[], outer: readonly string[]): boolean {
  return outer.length <= inner.length && outer.every((word, index) => word === inner[index]);
}

const SLASH = 0x2f;

function refuse(reason: string, problems: Problems): undefined {
  problems.add(reason);
}
