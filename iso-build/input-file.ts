import { type FileHandle, open } from "node:fs/promises";
import { TetherError } from "../src/protocol/errors/index.ts";

const ELF_MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/** Refuses an input file that is not a readable, ordinary, non-empty file. `what` names it in the message. */
export async function requireFile(what: string, path: string): Promise<void> {
  await using file = await openInput(what, path);
  await requireContent(what, path, file);
}

/** Like `requireFile`, and refuses what is not an ELF executable, before a tool says so less clearly. */
export async function requireExecutable(what: string, path: string): Promise<void> {
  await using file = await openInput(what, path);
  await requireContent(what, path, file);
  const { buffer } = await file.read(Buffer.alloc(ELF_MAGIC.length), 0, ELF_MAGIC.length, 0);
  if (!buffer.equals(ELF_MAGIC))
    throw new TetherError("not-set-up", `${what} ${path} is not an ELF executable`);
}

async function openInput(what: string, path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw TetherError.from(error, "not-set-up", `cannot read ${what} ${path}`);
  }
}

async function requireContent(what: string, path: string, file: FileHandle): Promise<void> {
  const stat = await file.stat();
  if (!stat.isFile()) throw new TetherError("not-set-up", `${what} ${path} is not an ordinary file`);
  if (stat.size === 0) throw new TetherError("not-set-up", `${what} ${path} is empty`);
}
