import type { FileAccess } from "../files/index.ts";
import { type ByteString, fromText } from "../protocol/archive/index.ts";

/** Enough for 20,000 users. */
export const MOST_PASSWD_BYTES = 1024 * 1024;

/** A client's paths as the container's: relative ones begin in root's home, since it is root whose rights it has. */
export class ClientPaths {
  readonly #home: ByteString;

  constructor(files: FileAccess) {
    const line = files
      .readText("/etc/passwd", MOST_PASSWD_BYTES)
      .split("\n")
      .map((text) => text.split(":"))
      .find(([, , uid]) => uid === "0");
    const home = fromText(line?.[5] ?? "");
    this.#home = home.startsWith("/") && files.isFolder(home) ? home : "/";
  }

  resolve(path: ByteString): ByteString {
    if (path.startsWith("/")) return path;
    return this.#home === "/" ? `/${path}` : `${this.#home}/${path}`;
  }

  /** With `~`, `~/…` and `~root` (expand-path@openssh.com). */
  expand(path: ByteString): ByteString {
    const match = /^~(?:root)?(?:\/|$)/.exec(path);
    return this.resolve(match === null ? path : path.slice(match[0].length));
  }
}
