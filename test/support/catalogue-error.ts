import { type ErrorCode, TetherError } from "../../src/protocol/errors/index.ts";

/** For assert.throws and assert.rejects: an error of the catalogue with this code, whose one-line message matches. */
export function catalogueError(code: ErrorCode, message: RegExp = /./): (thrown: unknown) => boolean {
  return (thrown) => {
    if (!(thrown instanceof TetherError)) return false;
    const isOneLine = !thrown.message.includes("\n");
    if (thrown.code === code && isOneLine && message.test(thrown.message)) return true;
    throw new Error(`expected ${code} ${message}, but it is ${thrown.code}: ${thrown.message}`, {
      cause: thrown,
    });
  };
}
