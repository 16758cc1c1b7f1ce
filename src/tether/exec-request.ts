import { TetherError } from "../protocol/errors/index.ts";
import type { tether } from "../protocol/generated/control.js";
import { type ExecRequest, makePrivileged, type SessionSpecification } from "../session/index.ts";

const SLASH = 0x2f;
const MAX_WINDOW = 0xffff;

/**
 * Makes an exec out of a request; what it leaves open is the container's.
 *
 * @param main the container's main session.
 * @throws TetherError `invalid-option` that names what is wrong.
 */
export function makeExec(
  request: tether.control.CreateExec.$Properties,
  main: SessionSpecification,
): ExecRequest {
  const { user, tty, openStdin, privileged } = request;
  const id = request.id ?? "";
  const args = request.args ?? [];
  const env = request.env ?? [];
  const directory = request.workingDirectory ?? new Uint8Array();
  if (!/^[0-9a-f]{64}$/.test(id)) throw invalid("the id is not 64 hexadecimal digits");
  if (args.length === 0) throw invalid("No exec command specified");
  if ([...args, ...env, directory].some((text) => text.includes(0)))
    throw invalid("an argument holds a NUL byte");
  if (directory.length > 0 && directory[0] !== SLASH)
    throw new TetherError("working-directory", "Cwd must be an absolute path");
  return {
    id,
    isPrivileged: privileged ?? false,
    specification: {
      ...main,
      args,
      environment: [...main.environment, ...env],
      workingDirectory: directory.length > 0 ? directory : main.workingDirectory,
      makesWorkingDirectory: false,
      user: user || main.user,
      tty: tty ?? false,
      openStdin: openStdin ?? false,
      stdinOnce: true,
      window: readWindow(request),
      startAfterAttach: request.startAfterAttach ?? false,
      holdOutput: false,
      security: privileged ? makePrivileged(main.security) : main.security,
    },
  };
}

function readWindow(request: tether.control.CreateExec.$Properties): SessionSpecification["window"] {
  const columns = request.columns ?? 0;
  const rows = request.rows ?? 0;
  if (columns > MAX_WINDOW || rows > MAX_WINDOW) throw invalid("a terminal is not larger than 65535");
  return columns === 0 || rows === 0 ? undefined : { columns, rows };
}

function invalid(message: string): TetherError {
  return new TetherError("invalid-option", message);
}
