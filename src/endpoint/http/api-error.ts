import { TetherError } from "../../protocol/errors/index.ts";

/** What the API refuses by itself, with the status and the text that the client gets. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** What was thrown, as the API tells it: an error of the catalogue has its status there. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const error = TetherError.from(thrown, "internal", "unexpected");
  return new ApiError(error.entry.httpStatus, error.message);
}

/** What was thrown, behind what dockerd says first. */
export function withContext(context: string, thrown: unknown): ApiError {
  const { status, message } = toApiError(thrown);
  return new ApiError(status, `${context}: ${message}`);
}

/** The API has it, this endpoint not yet. */
export function notBuilt(what: string): ApiError {
  return new ApiError(501, `${what} is not supported by this endpoint yet`);
}

/** A field or parameter whose value this endpoint cannot honour. */
export function refused(name: string, reason: string): ApiError {
  return new ApiError(400, `${name}: ${reason}`);
}
