import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { ArchivedImage, Execution, SavedImage } from "../../portlayer/execution/index.ts";
import { notBuilt, toApiError } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Route } from "../http/router.ts";
import { sendLine } from "../http/send.ts";
import { applyChanges } from "../requests/image-changes.ts";
import { completeName, findImage } from "./find-image.ts";
import { familiarName, isSameRepository, tagsOf } from "./image-description.ts";
import { readNewName } from "./images.ts";

/** Images as archives. */
export function imageArchiveRoutes(execution: Execution): Route[] {
  return [
    { method: "POST", path: "/images/load", answer: (exchange) => load(execution, exchange) },
    {
      method: "GET",
      path: "/images/get",
      answer: (exchange) => save(execution, exchange, exchange.query.texts("names")),
    },
    {
      method: "GET",
      path: "/images/{name...}/get",
      answer: (exchange) => save(execution, exchange, [exchange.parameter("name")]),
    },
  ];
}

/** Has a request's body in a file, as long as it is used. */
async function withBody(exchange: Exchange, use: (file: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "vch-load-"));
  try {
    const file = join(folder, "body.tar");
    await pipeline(exchange.request, createWriteStream(file, { mode: 0o600 }));
    await use(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `docker load`: an archive as `docker save` writes it, plain or compressed. */
async function load(execution: Execution, exchange: Exchange): Promise<void> {
  await withBody(exchange, async (file) => {
    const archived = await execution.images.listArchive(file);
    const response = exchange.begin(200, { "Content-Type": "application/json" });
    const say = (line: object): Promise<void> => sendLine(response, line, exchange.signal);
    try {
      for (const image of archived)
        for (const stream of await loadOne(execution, { file, ...image }, exchange)) await say({ stream });
    } catch (error) {
      const { message } = toApiError(error);
      await say({ errorDetail: { message }, error: message });
    }
    response.end();
  });
}

/** @returns the lines that dockerd prints. */
async function loadOne(
  execution: Execution,
  { file, index, tags }: ArchivedImage & { readonly file: string },
  { signal }: Exchange,
): Promise<string[]> {
  const { images } = execution;
  const text = tags[0] ?? `number ${index + 1} of the archive`;
  const image = await images.import({ kind: "docker-archive", text, file, tag: `@${index}` }, { signal });
  execution.tellImage(image, "load");
  if (tags.length === 0) return [`Loaded image ID: ${image.digest}\n`];
  const lines: string[] = [];
  for (const tag of tags) {
    const name = completeName(tag);
    const before = await images.findNamed(name);
    await images.name(name, image);
    if (before !== undefined && before.digest !== image.digest)
      lines.push(
        `The image ${familiarName(name)} already exists, renaming the old one with ID ${before.digest} to empty string\n`,
      );
    lines.push(`Loaded image: ${familiarName(name)}\n`);
  }
  return lines;
}

/** `docker save`. */
async function save(execution: Execution, exchange: Exchange, texts: readonly string[]): Promise<void> {
  const saved = new Map<string, { image: SavedImage["image"]; tags: Set<string> }>();
  for (const text of texts)
    for (const { image, tags } of await findSaved(execution, text)) {
      const entry = saved.get(image.digest) ?? { image, tags: new Set() };
      for (const tag of tags) entry.tags.add(tag);
      saved.set(image.digest, entry);
    }
  const images = [...saved.values()].map(({ image, tags }) => ({ image, tags: [...tags] }));
  // What goes wrong from here on cuts the answer off, so that it is not taken for whole.
  const response = exchange.begin(200, { "Content-Type": "application/x-tar" });
  await execution.images.save(images, response, exchange.signal);
  for (const { image } of images) execution.tellImage(image, "save");
}

/** A repository stands for all its tags, a digest and an id for an image without any. */
async function findSaved(execution: Execution, text: string): Promise<SavedImage[]> {
  const hasTag = /[:@]/.test(text.slice(text.lastIndexOf("/") + 1));
  if (!hasTag) {
    const found = (await execution.images.list()).flatMap(({ image, names }) => {
      const own = names.filter((name) => !name.includes("@") && isOfRepository(name, text));
      return own.length === 0 ? [] : [{ image, tags: tagsOf(own) }];
    });
    if (found.length > 0) return found;
  }
  const image = await findImage(execution, text, (name) => name);
  const isTag = hasTag && !text.includes("@") && !image.digest.startsWith(text);
  return [{ image, tags: isTag ? [familiarName(completeName(text))] : [] }];
}

function isOfRepository(name: string, text: string): boolean {
  try {
    return isSameRepository(name, completeName(text));
  } catch {
    // An id is no repository.
    return false;
  }
}

/** `docker import`: a root file system, plain or compressed, becomes an image of one layer. */
export async function importArchive(execution: Execution, exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  if (query.text("fromSrc") !== "-")
    throw notBuilt("importing an image from an address (fromSrc): give the archive itself");
  const repository = query.text("repo");
  const name = repository === undefined ? undefined : readNewName(repository, query.text("tag"));
  const config = applyChanges({}, query.texts("changes"));
  await withBody(exchange, async (layer) => {
    const comment = query.text("message") ?? "Imported from -";
    const text = name === undefined ? "of the archive" : familiarName(name);
    const image = await execution.images.create(
      { layer, config, comment, created: new Date(), text },
      { signal },
    );
    if (name !== undefined) await execution.images.name(name, image);
    execution.tellImage(image, "import");
    const response = exchange.begin(200, { "Content-Type": "application/json" });
    await sendLine(response, { status: image.digest }, signal);
    response.end();
  });
}
