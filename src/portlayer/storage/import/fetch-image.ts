import { access, constants, mkdir, stat } from "node:fs/promises";

import { TetherError } from "../../../protocol/errors/index.ts";
import type { ImageReference } from "../image-reference.ts";
import { ToolError } from "../tool-runner.ts";
import type { WorkFolder } from "../work-folder.ts";
import { toCopyError } from "./failures.ts";
import { copyToLayout } from "./copy-to-layout.ts";
import type { ImportContext } from "./import-context.ts";
import { plainArchive } from "./plain-archive.ts";

type Fetched = Exclude<ImageReference, { kind: "root-tar" | "oci-layout" | "registry" }>;

/**
 * Has skopeo copy an image as it is and makes an OCI layout of the copy, inside the work folder; returns the layout's
 * folder. (Skopeo's own conversion would drop what OCI's configuration does not know: HEALTHCHECK and SHELL.)
 * Throws `image-not-found`, `image-platform` or `image-corrupt`.
 */
export async function fetchImage(
  reference: Fetched,
  work: WorkFolder,
  { run, signal, onProgress }: ImportContext,
): Promise<string> {
  if ("file" in reference) await requireFile(reference.file, reference.text);
  onProgress(`copying image ${reference.text}`);
  const source = await withoutCompression(reference, work, signal);
  try {
    return await copyImage(skopeoName(source), work, { run, signal });
  } catch (error) {
    throw error instanceof ToolError ? toCopyError(error, reference.text) : error;
  }
}

/**
 * Has skopeo copy what it calls `source` into the work folder. Returns the copy's OCI layout.
 *
 * @throws ToolError as skopeo says it.
 */
async function copyImage(
  source: string,
  work: WorkFolder,
  { run, signal }: Pick<ImportContext, "run" | "signal">,
): Promise<string> {
  const layout = work.join("fetched");
  const temporary = work.join("skopeo");
  await mkdir(temporary);
  await run(
    "skopeo",
    [
      ...SKOPEO_PLATFORM,
      // Its temporary files where we clean up, also after skopeo was killed.
      ...["--tmpdir", temporary],
      "copy",
      "--quiet",
      ...[source, `dir:${layout}`],
    ],
    { signal, environment: { TMPDIR: temporary } },
  );
  await copyToLayout(layout);
  return layout;
}

/** Skopeo's own options for every image that container VMs are to run. Policies are for signatures. */
export const SKOPEO_PLATFORM = [
  "--insecure-policy",
  ...["--override-os", "linux"],
  ...["--override-arch", "amd64"],
] as const;

async function withoutCompression(
  reference: Fetched,
  work: WorkFolder,
  signal: AbortSignal | undefined,
): Promise<Fetched> {
  if (!("file" in reference)) return reference;
  try {
    return { ...reference, file: await plainArchive(reference.file, work.join("plain.tar"), signal) };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof TetherError || (error instanceof Error && "syscall" in error)) throw error;
    throw TetherError.from(error, "image-corrupt", `image ${reference.text} is corrupt`);
  }
}

function skopeoName(reference: Fetched): string {
  switch (reference.kind) {
    case "other-transport":
      return `${reference.transport}:${reference.details}`;
    default:
      return `${reference.kind}:${reference.file}${reference.tag === undefined ? "" : `:${reference.tag}`}`;
  }
}

/**
 * Throws `image-not-found` for a file that is missing, not readable, or no regular file: a device or a pipe
 * may have no end.
 */
export async function requireFile(file: string, text: string): Promise<void> {
  try {
    await access(file, constants.R_OK);
    if ((await stat(file)).isFile()) return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "no such file" : `cannot be read (${code})`;
    throw new TetherError("image-not-found", `image ${text}: ${file}: ${reason}`, { cause: error });
  }
  throw new TetherError("image-not-found", `image ${text}: ${file}: not a regular file`);
}
