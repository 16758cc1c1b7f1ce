import { statSync } from "node:fs";
import { join } from "node:path";

import { TetherError } from "../../protocol/errors/index.ts";
import { normaliseRegistryName } from "./registry-name.ts";

/** Where an image comes from. `text` is what the user wrote: it names the image in every message. */
export type ImageReference =
  | {
      readonly kind: "oci-layout";
      readonly text: string;
      readonly folder: string;
      readonly tag: string | undefined;
    }
  | {
      readonly kind: "oci-archive";
      readonly text: string;
      readonly file: string;
      readonly tag: string | undefined;
    }
  | {
      readonly kind: "docker-archive";
      readonly text: string;
      readonly file: string;
      readonly tag: string | undefined;
    }
  | { readonly kind: "registry"; readonly text: string; readonly name: string }
  | {
      readonly kind: "other-transport";
      readonly text: string;
      readonly transport: string;
      readonly details: string;
    }
  | { readonly kind: "root-tar"; readonly text: string; readonly file: string };

/** What a path is; `undefined` when there is nothing. */
export type PathProbe = (path: string) => "file" | "folder" | undefined;

/** Transports that skopeo reads and that need nothing from us but to be passed on. */
const OTHER_TRANSPORTS = ["dir", "docker-daemon", "containers-storage", "ostree", "sif", "tarball"];

/**
 * Reads an image reference: `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:REF]`,
 * `docker://REF`, another transport of skopeo's, the path of a root file system tar or of an OCI layout
 * folder, or else a name that Docker would look up in a registry.
 * Paths end at the first colon, as they do for skopeo. Throws `invalid-image-reference`, or
 * `image-not-found` for a text that can only be a path and names nothing.
 */
export function parseImageReference(text: string, probe: PathProbe = probePath): ImageReference {
  if (text === "" || text.includes("\0")) throw invalid(text, "it is empty or holds a NUL byte");
  const colon = text.indexOf(":");
  const transport = colon < 0 ? "" : text.slice(0, colon);
  const details = text.slice(colon + 1);
  switch (transport) {
    case "oci": {
      const { path, tag } = splitPath(text, details);
      return { kind: "oci-layout", text, folder: path, tag };
    }
    case "oci-archive":
    case "docker-archive": {
      const { path, tag } = splitPath(text, details);
      return { kind: transport, text, file: path, tag };
    }
    case "docker":
      if (details.startsWith("//")) return registry(text, details.slice(2));
  }
  if (OTHER_TRANSPORTS.includes(transport)) {
    if (details === "") throw invalid(text, `nothing follows "${transport}:"`);
    return { kind: "other-transport", text, transport, details };
  }
  return parseBareName(text, probe);
}

function parseBareName(text: string, probe: PathProbe): ImageReference {
  const found = probe(text);
  if (found === "file") return { kind: "root-tar", text, file: text };
  if (found === "folder" && (isPlainlyAPath(text) || probe(join(text, "index.json")) === "file")) {
    return { kind: "oci-layout", text, folder: text, tag: undefined };
  }
  // A folder that merely happens to be called like an image ("redis") does not hide the image.
  if (isPlainlyAPath(text)) throw new TetherError("image-not-found", `image ${text}: no such file or folder`);
  return registry(text, text);
}

const isPlainlyAPath = (text: string) => /^(\/|\.\.?(\/|$))/.test(text);

function registry(text: string, name: string): ImageReference {
  const parsed = normaliseRegistryName(name);
  if ("reason" in parsed) throw invalid(text, parsed.reason);
  return { kind: "registry", text, name: parsed.name };
}

function splitPath(text: string, details: string): { path: string; tag: string | undefined } {
  const colon = details.indexOf(":");
  const path = colon < 0 ? details : details.slice(0, colon);
  const tag = colon < 0 ? undefined : details.slice(colon + 1);
  if (path === "") throw invalid(text, "the path is missing");
  if (tag === "") throw invalid(text, "the tag after the last colon is empty");
  return { path, tag };
}

function invalid(text: string, reason: string): TetherError {
  return new TetherError(
    "invalid-image-reference",
    `invalid image reference ${JSON.stringify(text)}: ${reason}`,
  );
}

function probePath(path: string): "file" | "folder" | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return undefined;
    return found.isDirectory() ? "folder" : "file";
  } catch {
    // Not a path that this system can look up (too long, a file used as a folder): then it is a name.
    return undefined;
  }
}
