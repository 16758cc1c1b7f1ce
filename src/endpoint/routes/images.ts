import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Execution, Image, NamedImage } from "../../portlayer/execution/index.ts";
import { ApiError, notBuilt, toApiError } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Route } from "../http/router.ts";
import { completeName, findImage } from "./find-image.ts";
import { familiarName, inspectImage, summariseImage } from "./image-description.ts";
import { readArchiveNames } from "./archive-names.ts";

/** The images that this machine has. */
export function imageRoutes(execution: Execution): Route[] {
  return [
    { method: "GET", path: "/images/json", answer: (exchange) => list(execution, exchange) },
    { method: "POST", path: "/images/load", answer: (exchange) => load(execution, exchange) },
    { method: "POST", path: "/images/create", answer: (exchange) => pull(execution, exchange) },
    { method: "GET", path: "/images/{name...}/json", answer: (exchange) => inspect(execution, exchange) },
  ];
}

async function list(execution: Execution, exchange: Exchange): Promise<void> {
  const isWanted = makeImageFilter(exchange.query.filters());
  const all = await execution.images.list();
  exchange.json(200, all.filter(isWanted).map(summariseImage));
}

/** @throws ApiError 501 for a filter that is not known here. */
function makeImageFilter(filters: readonly string[]): (image: NamedImage) => boolean {
  const patterns = filters.map((filter) => {
    if (!filter.startsWith("reference="))
      throw notBuilt(`the filter ${filter.split("=")[0] ?? ""} of images`);
    return completeName(filter.slice("reference=".length));
  });
  return ({ names }) => patterns.length === 0 || patterns.some((each) => names.includes(each));
}

async function inspect(execution: Execution, exchange: Exchange): Promise<void> {
  const found = await findImage(execution, exchange.parameter("name"));
  const all = await execution.images.list();
  const named = all.find(({ image }) => image.digest === found.digest);
  exchange.json(200, inspectImage({ image: found, names: named?.names ?? [] }));
}

/** `docker load`: an archive as `docker save` writes it, plain or compressed. */
async function load(execution: Execution, exchange: Exchange): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "vch-load-"));
  try {
    const file = join(folder, "images.tar");
    await pipeline(exchange.request, createWriteStream(file, { mode: 0o600 }));
    const names = await readArchiveNames(file);
    const response = exchange.begin(200, { "Content-Type": "application/json" });
    const say = (line: object): void => void response.write(`${JSON.stringify(line)}\n`);
    try {
      for (const name of names) {
        const image = await acquire(execution, { file, name }, exchange);
        if (name !== undefined) await execution.images.name(completeName(name), image);
        say({ stream: `Loaded image${name === undefined ? ` ID: ${image.digest}` : `: ${name}`}\n` });
      }
    } catch (error) {
      const { message } = toApiError(error);
      say({ errorDetail: { message }, error: message });
    }
    response.end();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function acquire(
  execution: Execution,
  { file, name }: { readonly file: string; readonly name: string | undefined },
  { signal }: Exchange,
): Promise<Image> {
  const reference = { kind: "docker-archive", text: name ?? "the archive", file, tag: name } as const;
  return execution.images.acquire(reference, { signal });
}

/** `docker pull`: from a registry, by skopeo. */
async function pull(execution: Execution, exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  if (query.text("fromSrc") !== undefined) throw notBuilt("importing an image (fromSrc)");
  if (exchange.request.headers["x-registry-auth"] !== undefined && isLogin(exchange))
    throw notBuilt("pulling with credentials (X-Registry-Auth)");
  const [image, tag] = [query.text("fromImage"), query.text("tag")];
  if (image === undefined) throw new ApiError(400, "fromImage is missing");
  if (image.endsWith(":") || (tag === undefined && !/[:@]/.test(image.slice(image.lastIndexOf("/") + 1))))
    throw notBuilt("pulling all tags of a repository");
  const name = completeName(tag === undefined ? image : `${image}${tag.includes(":") ? "@" : ":"}${tag}`);
  const response = exchange.begin(200, { "Content-Type": "application/json" });
  const say = (line: object): void => void response.write(`${JSON.stringify(line)}\n`);
  const onProgress = (status: string): void => say({ status });
  try {
    await execution.images.acquire(
      { kind: "registry", text: familiarName(name), name },
      { signal, onProgress },
    );
    say({ status: `Status: Image is up to date for ${familiarName(name)}` });
  } catch (error) {
    const { message } = toApiError(error);
    say({ errorDetail: { message }, error: message });
  }
  response.end();
}

/** Docker's client sends an empty document when nobody has logged in. */
function isLogin({ request }: Exchange): boolean {
  const text = Buffer.from(String(request.headers["x-registry-auth"]), "base64url").toString("utf8");
  return !["", "{}", "null"].includes(text.trim());
}
