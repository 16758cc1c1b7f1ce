import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { TetherError } from "../../protocol/errors/index.ts";
import type { ImageReference } from "./image-reference.ts";

/**
 * A file younger than this may change once more without its time stamp changing (the kernel's clock tick
 * is 4 to 10 ms; other file systems keep whole seconds), so nothing is recorded about it yet.
 */
const SETTLED_AFTER_MS = 2_000;

/** What a reference meant at one moment: `key` changes as soon as the file behind it does. */
export interface Fingerprint {
  readonly key: string;
  /** False while the file is too young to be told from its next version. */
  readonly isSettled: boolean;
}

/**
 * The fingerprint of a reference. A registry name is its own (Docker's pull policy "missing"); a file's
 * is its real path, identity, size and time. `undefined` when there is nothing to recognise it by: the
 * file is missing, or the transport keeps its images elsewhere.
 */
export async function fingerprintOf(
  reference: ImageReference,
  now: () => number,
): Promise<Fingerprint | undefined> {
  switch (reference.kind) {
    case "registry":
      return { key: `registry ${reference.name}`, isSettled: true };
    case "oci-layout":
      return fileFingerprint(join(reference.folder, "index.json"), [reference.kind, reference.tag], now);
    case "oci-archive":
    case "docker-archive":
      return fileFingerprint(reference.file, [reference.kind, reference.tag], now);
    case "root-tar":
      return fileFingerprint(reference.file, [reference.kind], now);
    case "other-transport":
  }
  return undefined;
}

type Meaning = readonly (string | undefined)[];

async function fileFingerprint(
  path: string,
  meaning: Meaning,
  now: () => number,
): Promise<Fingerprint | undefined> {
  try {
    const real = await realpath(path);
    const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = await stat(real, { bigint: true });
    return {
      key: JSON.stringify([...meaning, real, `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`]),
      isSettled: now() - Number(ctimeMs) > SETTLED_AFTER_MS,
    };
  } catch {
    return undefined; // the import that follows says what is wrong with the file
  }
}

/** The digest recorded for a fingerprint, or `undefined`. */
export async function readDigest(root: string, { key }: Fingerprint): Promise<string | undefined> {
  const text = await readFile(recordPath(root, key), "utf8").catch(() => "");
  const [recordedKey, digest] = text.split("\n");
  return recordedKey === key ? digest : undefined;
}

/** Records a digest. Failing to is no error: the next look-up is merely slower. */
export async function writeDigest(root: string, fingerprint: Fingerprint, digest: string): Promise<void> {
  if (fingerprint.isSettled) await keepDigest(root, fingerprint.key, digest).catch(() => undefined);
}

/** Records a digest for a key, atomically. Throws `state-not-writable`. */
export async function keepDigest(root: string, key: string, digest: string): Promise<void> {
  const path = recordPath(root, key);
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, `${key}\n${digest}\n`, { flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw TetherError.from(error, "state-not-writable", `cannot write the image store ${root}`);
  }
}

/** Forgets what is recorded for a key. */
export async function removeDigest(root: string, key: string): Promise<void> {
  await rm(recordPath(root, key), { force: true });
}

const recordPath = (root: string, key: string) =>
  join(root, "references", createHash("sha256").update(key).digest("hex"));
