import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";

/** With less room than this SQLite's errors are those of a full disk: its own file for what is shared takes 32 KiB. */
const FULL_BYTES = 64 * 1024;

/** Primary result codes (https://sqlite.org/rescode.html); extended ones have more in their higher bytes. */
const SQLITE = { BUSY: 5, READONLY: 8, CORRUPT: 11, FULL: 13, NOTADB: 26 } as const;

/** Says what it means that SQLite has thrown something, in the catalogue's words. */
export function stateFailure(thrown: unknown, path: string, busyLimitMs: number): TetherError {
  if (thrown instanceof TetherError) return thrown;
  const [code, options] = [codeOf(thrown), { cause: thrown }];
  if (code === SQLITE.CORRUPT || code === SQLITE.NOTADB) return damaged(path, thrown);
  if (code === SQLITE.FULL || isFull(path))
    return new TetherError("no-space", `no space left on the disk of ${path}`, options);
  if (code === SQLITE.BUSY) {
    const says = `another vch has been changing the state database ${path} for ${busyLimitMs / 1000} s: is one stopped?`;
    return new TetherError("state-not-writable", says, options);
  }
  if (code === SQLITE.READONLY) {
    const says = `the state database ${path} cannot be written: it is another user's, or read-only`;
    return new TetherError("state-not-writable", says, options);
  }
  return TetherError.from(thrown, "state-not-writable", `the state database ${path}`);
}

/** @param reason what shows that. */
export function damaged(path: string, reason: unknown): TetherError {
  return TetherError.from(reason, "state-damaged", `the state database ${path} is damaged`);
}

function codeOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !("errcode" in thrown)) return undefined;
  return Number(thrown.errcode) & 0xff;
}

function isFull(path: string): boolean {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize < FULL_BYTES;
}
