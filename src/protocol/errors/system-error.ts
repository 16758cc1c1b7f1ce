/**
 * True for an error of the system with one of these codes (`ENOENT`), as Node throws it, or the guest's system calls.
 */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
