import type { Execution, NamedImage } from "../../portlayer/execution/index.ts";
import { ApiError, toApiError } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Route } from "../http/router.ts";
import { ImageFilters, matchesPattern, parseUntil } from "../requests/image-filters.ts";
import { completeName, findImage } from "./find-image.ts";
import {
  createdMs,
  describeHistory,
  digestsOf,
  familiarName,
  inspectImage,
  summariseImage,
  tagsOf,
} from "./image-description.ts";
import { containersOf, type Removal, type Removed, removeImage, sweepImages } from "./image-removal.ts";

/** The images that this machine has: looking at them, naming and removing them. */
export function imageRoutes(execution: Execution): Route[] {
  return [
    { method: "GET", path: "/images/json", answer: (exchange) => list(execution, exchange) },
    { method: "GET", path: "/images/{name...}/json", answer: (exchange) => inspect(execution, exchange) },
    {
      method: "GET",
      path: "/images/{name...}/history",
      answer: async (exchange) => {
        const named = await findNamed(execution, exchange.parameter("name"));
        exchange.json(200, describeHistory(named, await execution.images.details(named.image)));
      },
    },
    { method: "POST", path: "/images/prune", answer: (exchange) => prune(execution, exchange) },
    { method: "POST", path: "/images/{name...}/tag", answer: (exchange) => tag(execution, exchange) },
    { method: "DELETE", path: "/images/{name...}", answer: (exchange) => remove(execution, exchange) },
  ];
}

const LIST_FILTERS = ["dangling", "label", "label!", "before", "since", "reference"];

/** Newest first. */
async function list(execution: Execution, exchange: Exchange): Promise<void> {
  const filters = new ImageFilters(exchange.query.filters(), LIST_FILTERS);
  const isDangling = filters.flag("dangling");
  const timeOf = async (name: string): Promise<number> => createdMs(await findImage(execution, name));
  const before = await Promise.all(filters.all("before").map(timeOf));
  const since = await Promise.all(filters.all("since").map(timeOf));
  const patterns = filters.all("reference");
  const chosen = (await execution.images.list())
    .map(({ image, names }) => ({ image, names: patterns.length === 0 ? names : matching(names, patterns) }))
    .filter(({ names }) => patterns.length === 0 || names.length > 0)
    .filter(({ names }) => isDangling !== true || tagsOf(names).length === 0)
    .filter(({ names }) => isDangling !== false || names.length > 0)
    .filter(({ image }) => before.every((time) => createdMs(image) < time))
    .filter(({ image }) => since.every((time) => createdMs(image) > time))
    .filter(({ image }) => filters.fitsLabels(image.configuration.labels))
    .sort((one, other) => createdMs(other.image) - createdMs(one.image));
  exchange.json(
    200,
    chosen.map((named) => summariseImage(named, exchange.version)),
  );
}

/** A pattern is for a name with its tag, or for one without. */
function matching(names: readonly string[], patterns: readonly string[]): string[] {
  return names.filter((name) => {
    const familiar = familiarName(name);
    const repository = familiar.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
    return patterns.some((each) => matchesPattern(each, familiar) || matchesPattern(each, repository));
  });
}

async function findNamed(execution: Execution, text: string): Promise<NamedImage> {
  const image = await findImage(execution, text);
  const all = await execution.images.list();
  return all.find((each) => each.image.digest === image.digest) ?? { image, names: [] };
}

async function inspect(execution: Execution, exchange: Exchange): Promise<void> {
  const named = await findNamed(execution, exchange.parameter("name"));
  exchange.json(200, inspectImage(named, await execution.images.details(named.image)));
}

/** `docker tag`: whichever image had the name loses it. */
async function tag(execution: Execution, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const image = await findImage(execution, exchange.parameter("name"));
  const name = readNewName(query.text("repo") ?? "", query.text("tag"));
  await execution.images.name(name, image);
  execution.tellImage(image, "tag", image.digest, familiarName(name));
  exchange.empty(201);
}

/** The complete name that an image is to have. @throws ApiError 400 in dockerd's words. */
export function readNewName(repository: string, tagText: string | undefined): string {
  if (repository.includes("@")) throw new ApiError(400, "refusing to create a tag with a digest reference");
  return completeName(tagText === undefined ? repository : `${repository}:${tagText}`);
}

async function remove(execution: Execution, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const { removed } = await removeImage(execution, exchange.parameter("name"), query.flag("force"));
  exchange.json(200, removed);
}

const PRUNE_FILTERS = ["dangling", "until", "label", "label!"];

/** Images without a name, or with `dangling=false` all, that no container stands on. */
async function prune(execution: Execution, exchange: Exchange): Promise<void> {
  const filters = new ImageFilters(exchange.query.filters(), PRUNE_FILTERS);
  const isAll = filters.flag("dangling") === false;
  const now = Date.now();
  const until = Math.min(...filters.all("until").map((text) => parseUntil(text, now)));
  const removals: Removal[] = [];
  for (const { image, names } of await execution.images.list()) {
    const isWanted = isAll || tagsOf(names).length === 0;
    if (!isWanted || createdMs(image) > until || !filters.fitsLabels(image.configuration.labels)) continue;
    if (containersOf(execution, image.digest).length > 0) continue;
    const tags = tagsOf(names);
    const references = tags.length === 0 ? digestsOf(names) : tags;
    for (const reference of references.length === 0 ? [image.digest] : references) {
      try {
        removals.push(await removeImage(execution, reference, false));
      } catch (error) {
        // Used, renamed or removed this moment: the others are removed all the same.
        exchange.log.info({ image: reference }, toApiError(error).message);
      }
    }
  }
  await sweepImages(execution);
  const isByLabel = ["label", "label!"].some((name) => filters.all(name).length > 0);
  const downloadBytes = isByLabel ? 0 : await execution.images.forgetDownloads(until);
  const removed: Removed[] = removals.flatMap((removal) => removal.removed);
  exchange.json(200, {
    ImagesDeleted: removed.length === 0 ? null : removed,
    SpaceReclaimed: removals.reduce((sum, { contentBytes }) => sum + contentBytes, downloadBytes),
  });
}
