import { type Execution, isContainerName, isUp, makeFilter } from "../../portlayer/execution/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { ApiError, notBuilt, toApiError, withContext } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Route } from "../http/router.ts";
import { makePruneFilter } from "../requests/prune-filter.ts";
import { imageOf, readCpus, readCreateRequest, readMemory, readRestart } from "../requests/create-request.ts";
import { type Fields, FieldReader } from "../requests/fields.ts";
import { describeInspection } from "./describe-inspection.ts";
import { findImage } from "./find-image.ts";
import type { Parts } from "./parts.ts";
import { summarise } from "./summary.ts";

/** Making containers, looking at them, and removing them. */
export function containerRoutes(parts: Parts): Route[] {
  const { execution } = parts;
  return [
    { method: "POST", path: "/containers/create", answer: (exchange) => create(parts, exchange) },
    { method: "GET", path: "/containers/json", answer: (exchange) => list(execution, exchange) },
    { method: "GET", path: "/containers/{id}/json", answer: (exchange) => inspect(parts, exchange) },
    { method: "GET", path: "/containers/{id}/top", answer: (exchange) => top(execution, exchange) },
    { method: "POST", path: "/containers/{id}/rename", answer: (exchange) => rename(execution, exchange) },
    { method: "POST", path: "/containers/{id}/update", answer: (exchange) => update(execution, exchange) },
    { method: "POST", path: "/containers/prune", answer: (exchange) => prune(parts, exchange) },
    { method: "DELETE", path: "/containers/{id}", answer: (exchange) => remove(parts, exchange) },
  ];
}

async function create({ execution, sessions, start }: Parts, exchange: Exchange): Promise<void> {
  const document = await exchange.body();
  const platform = exchange.query.text("platform");
  if (platform !== undefined && !/^linux(\/(amd64|x86_64))?$/.test(platform))
    throw new ApiError(404, `container VMs run linux/amd64, not ${platform}`);
  const name = imageOf(document);
  const found = await findImage(execution, name);
  const containerName = exchange.query.text("name")?.replace(/^\//, "");
  const { container, size, warnings } = readCreateRequest(document, { name, found }, containerName, start);
  const { id } = await execution.create(container, exchange.signal);
  if (size !== undefined) sessions.setFirstSize(id, size);
  exchange.json(201, { Id: id, Warnings: warnings });
}

/** Newest first. Whoever asks for a state wants the ended ones, too. */
async function list(execution: Execution, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const hasSize = query.flag("size");
  const filters = await Promise.all(query.filters().map((filter) => withDigest(execution, filter)));
  const limit = query.integer("limit") ?? 0;
  const isAll = query.flag("all") || limit > 0 || filters.some((each) => each.startsWith("status="));
  const all = execution.list();
  const chosen = all
    .filter(makeFilter(filters, all))
    .filter(({ state }) => isAll || isUp(state))
    .reverse();
  const listed = (limit > 0 ? chosen.slice(0, limit) : chosen).map((known) =>
    summarise(known, hasSize ? execution.sizeOf(known.record) : undefined),
  );
  exchange.json(200, listed);
}

/** `ancestor=` by any name or id of an image; one that is not here is the ancestor of nobody. */
async function withDigest(execution: Execution, filter: string): Promise<string> {
  const [name, ancestor = ""] = filter.split(/=(.*)/s);
  if (name !== "ancestor") return filter;
  try {
    return `ancestor=${(await findImage(execution, ancestor)).digest}`;
  } catch (error) {
    if (toApiError(error).status >= 500) throw error;
    return filter;
  }
}

/** As with dockerd, the execs are this endpoint's own. */
async function inspect({ execution, execs }: Parts, exchange: Exchange): Promise<void> {
  const id = exchange.parameter("id");
  const before = (containerId: string) => ({ execIds: execs.runningIn(containerId) });
  const inspection = describeInspection(await execution.inspect(id, before));
  const size = exchange.query.flag("size") ? execution.sizeOf(execution.containers.find(id)) : undefined;
  exchange.json(200, {
    ...inspection,
    ...(size === undefined ? {} : { SizeRw: size.writtenBytes, SizeRootFs: size.totalBytes }),
  });
}

async function top(execution: Execution, exchange: Exchange): Promise<void> {
  const options = (exchange.query.text("ps_args") ?? "-ef").split(" ").filter((word) => word !== "");
  const { titles, processes } = await execution.top(exchange.parameter("id"), options);
  exchange.json(200, { Titles: titles, Processes: processes });
}

async function rename(execution: Execution, exchange: Exchange): Promise<void> {
  const name = (exchange.query.text("name") ?? "").replace(/^\//, "");
  const { id } = execution.containers.find(exchange.parameter("id"));
  try {
    await execution.rename(id, name);
  } catch (error) {
    const isTaken = error instanceof TetherError && error.code === "name-in-use";
    const isName = name === "" || isContainerName(name);
    if (!isName)
      throw new ApiError(
        400,
        `Error when allocating new name: Invalid container name (/${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
      );
    throw isTaken ? withContext("Error when allocating new name", error) : error;
  }
  exchange.empty(204);
}

async function remove({ execution, sessions }: Parts, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  if (query.flag("link")) throw notBuilt("link");
  const { id } = execution.containers.find(exchange.parameter("id"));
  await execution.remove(id, { force: query.flag("force"), withVolumes: query.flag("v") });
  await sessions.forget(id);
  exchange.empty(204);
}

/** What a container VM can change is changed; the rest of the fields is refused by name. */
async function update(execution: Execution, exchange: Exchange): Promise<void> {
  const { id } = execution.containers.find(exchange.parameter("id"));
  const document = await exchange.body();
  const fields = new FieldReader(document, "");
  const restart = readRestart(fields.object("RestartPolicy"));
  const hasRestart = typeof document["RestartPolicy"] === "object" && restartName(document) !== "";
  const pidsLimit = fields.optionalNumber("PidsLimit");
  const [memoryBytes, cpus] = [readMemory(fields), readCpus(fields)];
  fields.end();
  await execution.update(id, {
    restart: hasRestart ? restart : undefined,
    // Docker's client writes 0 for no change.
    pidsLimit: pidsLimit === undefined || pidsLimit === 0 ? undefined : Math.max(0, pidsLimit),
    ...{ memoryBytes, cpus },
  });
  exchange.json(200, { Warnings: null });
}

function restartName({ RestartPolicy: policy }: Fields): unknown {
  return (policy as Fields | null)?.["Name"] ?? "";
}

/** Removes all that do not run. */
async function prune({ execution, sessions }: Parts, exchange: Exchange): Promise<void> {
  const isWanted = makePruneFilter(exchange.query.filters());
  const removed: string[] = [];
  let bytes = 0;
  for (const { record, state } of execution.list()) {
    if (isUp(state) || !isWanted({ created: record.created, labels: record.settings?.labels ?? {} }))
      continue;
    const { writtenBytes } = execution.sizeOf(record);
    try {
      await execution.remove(record.id, { force: false });
    } catch (error) {
      // Started or removed this moment: the others are removed all the same.
      exchange.log.info({ container: record.id }, toApiError(error).message);
      continue;
    }
    await sessions.forget(record.id);
    removed.push(record.id);
    bytes += writtenBytes;
  }
  exchange.json(200, { ContainersDeleted: removed, SpaceReclaimed: bytes });
}
