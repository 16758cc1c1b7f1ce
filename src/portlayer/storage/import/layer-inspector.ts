import { createHash } from "node:crypto";
import { Transform, type TransformCallback } from "node:stream";

import { extract, type Header } from "tar-stream";

import { TetherError } from "../../../protocol/errors/index.ts";

/** What inspecting a layer found out. */
export interface LayerFacts {
  /** sha256 of the uncompressed tar: the layer's diff id. */
  readonly diffId: string;
  readonly sizeBytes: number;
  /** Bytes of the members alone. */
  readonly contentBytes: number;
  readonly entries: number;
  /** Whether members have extended attributes: folders too, or other files alone. */
  readonly attributes: "none" | "files" | "folders";
  /** Whether one is a hard link. */
  readonly hasLinks: boolean;
  /** Whether one is the root folder itself. */
  readonly hasRoot: boolean;
}

/** How tar programs write extended attributes (pax, and bsdtar's form in base64). */
const ATTRIBUTE = /^(?:SCHILY\.(?:xattr|acl)|LIBARCHIVE\.xattr)\./;

/**
 * A stream that passes an uncompressed tar on and looks at each member on the way: it fails with
 * `image-unsafe` as soon as one would lead out of the root, with `no-space` beyond `limitBytes`, and with a
 * plain Error when the tar is malformed. `name` names the layer in messages.
 */
export class LayerInspector extends Transform {
  readonly #tar = extract();
  readonly #hash = createHash("sha256");
  readonly #name: string;
  readonly #limitBytes: number;
  #sizeBytes = 0;
  #entries = 0;
  #contentBytes = 0;
  #attributes: LayerFacts["attributes"] = "none";
  #hasLinks = false;
  #hasRoot = false;
  #failure: Error | undefined;

  constructor(name: string, limitBytes: number) {
    super();
    this.#name = name;
    this.#limitBytes = limitBytes;
    this.#tar.on("entry", (header, content, next) => {
      this.#entries += 1;
      this.#contentBytes += header.size ?? 0;
      this.#noteKind(header);
      const danger = findDanger(header);
      if (danger !== undefined) {
        this.#fail(new TetherError("image-unsafe", `${this.#name} is not safe to unpack: ${danger}`));
        return;
      }
      content.on("end", next);
      content.on("error", () => undefined); // the tar reports the same error
      content.resume();
    });
    this.#tar.on("error", (error) => this.#fail(error));
  }

  /** Valid once the stream has finished. */
  facts(): LayerFacts {
    return {
      diffId: `sha256:${this.#hash.digest("hex")}`,
      sizeBytes: this.#sizeBytes,
      contentBytes: this.#contentBytes,
      entries: this.#entries,
      attributes: this.#attributes,
      hasLinks: this.#hasLinks,
      hasRoot: this.#hasRoot,
    };
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#hash.update(chunk);
    this.#sizeBytes += chunk.length;
    if (this.#sizeBytes > this.#limitBytes) {
      done(new TetherError("no-space", `${this.#name} unpacks to more than fits on this machine's disk`));
      return;
    }
    const pass = () => done(this.#failure ?? null, chunk);
    if (this.#tar.write(chunk) || this.#failure !== undefined) pass();
    else onceEither(this.#tar, "drain", "close", pass);
  }

  override _flush(done: TransformCallback): void {
    if (this.#failure !== undefined) {
      done(this.#failure);
      return;
    }
    onceEither(this.#tar, "finish", "close", () => done(this.#failure ?? null));
    this.#tar.end(null);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#tar.destroy(null);
    done(error);
  }

  #noteKind({ name, type, pax }: Header): void {
    if (isRoot(name)) this.#hasRoot = true;
    if (type === "link") this.#hasLinks = true;
    if (!Object.keys(pax ?? {}).some((key) => ATTRIBUTE.test(key))) return;
    if (type === "directory") this.#attributes = "folders";
    else if (this.#attributes === "none") this.#attributes = "files";
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#tar.destroy(null);
  }
}

function onceEither(emitter: NodeJS.EventEmitter, one: string, other: string, listener: () => void): void {
  const first = () => {
    emitter.off(one, first);
    emitter.off(other, first);
    listener();
  };
  emitter.on(one, first);
  emitter.on(other, first);
}

/**
 * Why a tar member must not be unpacked, or `undefined`. Symbolic links may point anywhere: they are only
 * followed inside the container (and by umoci, which resolves them inside the root).
 */
export function findDanger({
  name,
  linkname,
  type,
}: Pick<Header, "name"> & Partial<Header>): string | undefined {
  if (leavesRoot(name)) return `its entry ${show(name)} leaves the root`;
  if (type === "link" && leavesRoot(linkname ?? "")) {
    return `its entry ${show(name)} is a hard link to ${show(linkname ?? "")}, which leaves the root`;
  }
  if (isRoot(name) && type !== "directory") return `its entry ${show(name)} would replace the root itself`;
  // ".wh.NAME" deletes NAME: a NAME of ".." must not delete the folder above.
  const target = /(?:^|\/)\.wh\.([^/]*)\/*$/.exec(name)?.[1];
  if (target !== undefined && ["", ".", ".."].includes(target))
    return `its entry ${show(name)} deletes what is not named`;
  return undefined;
}

/** True when walking the path goes above where it began. A leading slash means the root, as for Docker. */
function leavesRoot(path: string): boolean {
  let depth = 0;
  for (const part of path.split("/")) {
    if (part === "..") depth -= 1;
    else if (part !== "" && part !== ".") depth += 1;
    if (depth < 0) return true;
  }
  return false;
}

const isRoot = (path: string) => path.split("/").every((part) => part === "" || part === ".");

/** On one line, whatever bytes the name has, and not longer than a line. */
function show(path: string): string {
  const text = JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
  return text.replace(/[\x7f-\x9f]/g, (byte) => `\\u00${byte.charCodeAt(0).toString(16)}`);
}
