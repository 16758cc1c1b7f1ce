import type { tether } from "../../generated/config.js";
import { parseSignal } from "../../signals.ts";
import type { Problems } from "../problems.ts";
import { checkText, MOST_PATH_BYTES, quote } from "./text.ts";

/** What execve(2) takes of arguments, and of the environment, with the usual stack (ARG_MAX). */
const MOST_ARGUMENT_BYTES = 2 * 1024 * 1024;

/** struct winsize has 16 bits. */
const MOST_WINDOW = 0xffff;

const SLASH = 0x2f;

/** The message Session. */
export function checkSession(
  session: tether.config.Session.$Properties | null | undefined,
  problems: Problems,
): void {
  const args = session?.args ?? [];
  if (args.length === 0) problems.at("args").add("is empty");
  if (session === null || session === undefined) return;
  checkWords(args, problems.at("args"));
  checkWords(session.env ?? [], problems.at("env"));
  checkDirectory(session.workingDirectory ?? new Uint8Array(), problems.at("working_directory"));
  checkText(session.user ?? "", problems.at("user"));
  for (const field of ["columns", "rows"] as const)
    if ((session.window?.[field] ?? 0) > MOST_WINDOW)
      problems.at("window").at(field).add(`is larger than ${MOST_WINDOW}`);
  checkSignal(session.stopSignal ?? "", problems.at("stop_signal"));
}

/** Arguments of a program, or its environment: any bytes but NUL, as many as execve(2) takes. */
export function checkWords(words: readonly Uint8Array[], problems: Problems): void {
  let bytes = 0;
  for (const [index, word] of words.entries()) {
    bytes += word.length + 1;
    if (word.includes(0)) problems.at(index).add("holds a NUL byte");
  }
  if (bytes > MOST_ARGUMENT_BYTES) problems.add(`has ${bytes} bytes; the most are ${MOST_ARGUMENT_BYTES}`);
}

function checkDirectory(path: Uint8Array, problems: Problems): void {
  if (path.length === 0) return;
  if (path[0] !== SLASH) problems.add("is not absolute");
  if (path.includes(0)) problems.add("holds a NUL byte");
  if (path.length > MOST_PATH_BYTES)
    problems.add(`has ${path.length} bytes; the most are ${MOST_PATH_BYTES}`);
}

function checkSignal(name: string, problems: Problems): void {
  if (name === "") return;
  try {
    parseSignal(name);
  } catch {
    // Its message is about an option of a command.
    problems.add(`${quote(name)} is no signal`);
  }
}
