import { TetherError } from "../errors/index.ts";
import { type ByteString, toText } from "./byte-string.ts";

/**
 * Where a member of an archive belongs, as components below the folder that it is unpacked to; empty for that
 * folder itself. As with Docker, `.` and `..` are resolved in the name (`a/../b` is `b`) and an absolute name is
 * taken from the folder on; one that leads out of it is refused.
 *
 * @throws TetherError `archive-unsafe`; `archive-invalid` for a name that no file can have.
 */
export function memberPath(name: ByteString): ByteString[] {
  if (name === "" || name.includes("\0"))
    throw new TetherError("archive-invalid", `a member's name is ${JSON.stringify(name)}`);
  const path: ByteString[] = [];
  const isAbsolute = name.startsWith("/");
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") path.push(part);
    else if (path.length > 0) path.pop();
    else if (!isAbsolute)
      throw new TetherError("archive-unsafe", `${toText(name)} leads out of the destination`);
  }
  return path;
}
