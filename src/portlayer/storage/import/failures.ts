import { TetherError } from "../../../protocol/errors/index.ts";
import { ToolError } from "../tool-runner.ts";

const NOT_FOUND =
  /not found|no such file|no such image|does not exist|no descriptor found|expected 1 item, got/i;
const NO_PLATFORM = /no image found in (?:manifest list|image index)/i;
/** What tools say when a disk is full. */
export const NO_SPACE = /no space left|disk quota exceeded|Could not allocate (?:block|inode)/i;

/** Errors of the file system that say that the store cannot be written, with Docker's word for it. */
const NOT_WRITABLE = ["EACCES", "EPERM", "EROFS", "ENOTDIR"];

/** The error that a user sees for whatever went wrong while `text` was imported into `root`. */
export function toImportError(thrown: unknown, text: string, root: string): TetherError {
  if (thrown instanceof TetherError) return thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  if (code === "ENOSPC" || code === "EDQUOT" || NO_SPACE.test(reason)) {
    return new TetherError("no-space", `image ${text} does not fit: no space left on the disk of ${root}`, {
      cause: thrown,
    });
  }
  if (NOT_WRITABLE.includes(code)) {
    return new TetherError("state-not-writable", `cannot write the image store ${root}: ${reason}`, {
      cause: thrown,
    });
  }
  if (thrown instanceof ToolError) {
    return new TetherError("image-corrupt", `image ${text} cannot be unpacked: ${reason}`, { cause: thrown });
  }
  return TetherError.from(thrown, "internal", `cannot import image ${text}`);
}

/** The error for a failed copy by skopeo, told apart by its message: its exit status is always 1. */
export function toCopyError(error: ToolError, text: string): TetherError | ToolError {
  const reason = error.message;
  if (NO_SPACE.test(reason)) return error;
  const because = { cause: error };
  if (NO_PLATFORM.test(reason))
    return new TetherError("image-platform", `image ${text} is not made for linux/amd64`, because);
  if (NOT_FOUND.test(reason)) return new TetherError("image-not-found", `image ${text}: ${reason}`, because);
  return new TetherError("image-corrupt", `image ${text} is corrupt: ${reason}`, because);
}
