/**
 * A system call that failed. Has the fields of Node's own system errors, so that one handler serves both.
 */
export class SystemCallError extends Error {
  /** Symbolic errno, such as `ENOENT`. */
  readonly code: string;
  /** Negative errno, as libuv gives it. */
  readonly errno: number;
  readonly syscall: string;
  /** The path, device or name the call was about, if any. */
  readonly path: string | undefined;

  constructor(code: string, errno: number, syscall: string, reason: string, path?: string) {
    super(`${syscall}${path === undefined ? "" : ` ${path}`}: ${reason} (${code})`);
    this.name = "SystemCallError";
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    this.path = path;
  }
}
