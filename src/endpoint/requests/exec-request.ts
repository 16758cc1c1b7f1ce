import type { ExecRequest } from "../../portlayer/execution/index.ts";
import type { WindowSize } from "../../portlayer/interaction/index.ts";
import { ApiError } from "../http/api-error.ts";
import type { ExecSettings } from "../sessions/execs.ts";
import { type Fields, FieldReader } from "./fields.ts";

/** `POST /containers/{id}/exec`. @throws ApiError 400 in dockerd's words, 501. */
export function readExecRequest(document: Fields, containerId: string): ExecSettings {
  const fields = new FieldReader(document, "");
  const request: ExecRequest = {
    command: fields.words("Cmd") ?? [],
    environment: fields.texts("Env"),
    user: fields.text("User") || undefined,
    workingDirectory: fields.text("WorkingDir") || undefined,
    tty: fields.flag("Tty"),
    openStdin: fields.flag("AttachStdin"),
    privileged: fields.flag("Privileged"),
  };
  if (request.command.length === 0) throw new ApiError(400, "No exec command specified");
  const settings = {
    request,
    containerId,
    attachesOutput: fields.flag("AttachStdout"),
    attachesErrorOutput: fields.flag("AttachStderr"),
    detachKeys: fields.text("DetachKeys"),
  };
  // Said again when it is started; the size, too.
  fields.skip("Detach", "ConsoleSize");
  // Some clients (Python's) tell once more which container it is for; the address counts.
  fields.skip("Container");
  fields.end();
  return settings;
}

/** `POST /exec/{id}/start`. */
export interface ExecStart {
  readonly isDetached: boolean;
  readonly size: WindowSize | undefined;
}

/** @throws ApiError 400, 501. */
export function readExecStart(document: Fields): ExecStart {
  const fields = new FieldReader(document, "");
  const isDetached = fields.flag("Detach");
  // What it was made with counts, as with dockerd.
  fields.skip("Tty");
  // dockerode's own options, which it sends along.
  fields.skip("hijack", "stdin");
  const [rows, columns] = fields.list("ConsoleSize").map(Number);
  fields.end();
  const isSize = Number.isInteger(rows) && Number.isInteger(columns);
  return { isDetached, size: isSize ? { columns: columns ?? 0, rows: rows ?? 0 } : undefined };
}
