import { hasCode } from "./system-error.ts";
import { type CatalogueEntry, ERROR_CATALOGUE, type ErrorCode } from "./catalogue.ts";

/**
 * The one error class of the product, on both sides of the link. Its message is one line that a user can
 * act on: what failed, on what, and why.
 */
export class TetherError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "TetherError";
    this.code = code;
  }

  /** The catalogue's entry: exit status, API status, hint. */
  get entry(): CatalogueEntry {
    return ERROR_CATALOGUE[this.code];
  }

  /**
   * Translates whatever was thrown, at a border. A TetherError stays itself; anything else becomes
   * `code`, with `context` (what was being done, on what) before its own message. A full disk is nobody's defect.
   */
  static from(thrown: unknown, code: ErrorCode, context: string): TetherError {
    if (thrown instanceof TetherError) return thrown;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    const isFull = code === "internal" && hasCode(thrown, "ENOSPC", "EDQUOT");
    if (isFull) return new TetherError("no-space", `the disk is full: ${reason}`, { cause: thrown });
    return new TetherError(code, `${context}: ${reason}`, { cause: thrown });
  }
}

/** True for a code of the catalogue; for codes that arrive from the other side. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CATALOGUE, text);
}
