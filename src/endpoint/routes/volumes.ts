import { contentOf, type Execution, parseSize, type VolumeRecord } from "../../portlayer/execution/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { ApiError, notBuilt, withContext } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Route } from "../http/router.ts";
import { FieldReader } from "../requests/fields.ts";

/** Volumes, and what is removed with the rest. */
export function volumeRoutes(execution: Execution): Route[] {
  return [
    { method: "GET", path: "/volumes", answer: (exchange) => list(execution, exchange) },
    { method: "POST", path: "/volumes/create", answer: (exchange) => create(execution, exchange) },
    { method: "POST", path: "/volumes/prune", answer: (exchange) => prune(execution, exchange) },
    {
      method: "GET",
      path: "/volumes/{name}",
      answer: (exchange) =>
        exchange.json(200, describeVolume(execution.findVolume(exchange.parameter("name")))),
    },
    { method: "DELETE", path: "/volumes/{name}", answer: (exchange) => remove(execution, exchange) },
  ];
}

function list(execution: Execution, exchange: Exchange): void {
  const isWanted = makeVolumeFilter(exchange.query.filters(), namesInUse(execution));
  exchange.json(200, {
    Volumes: execution.listVolumes().filter(isWanted).map(describeVolume),
    Warnings: null,
  });
}

/** Whichever containers have, whether they run or not. */
function namesInUse(execution: Execution): ReadonlySet<string> {
  const mounts = execution.list().flatMap(({ record }) => record.settings?.mounts ?? []);
  return new Set(mounts.flatMap((mount) => (mount.kind === "volume" ? [mount.name] : [])));
}

/**
 * Docker's filters. Several of one name are alternatives, but labels: all of them have to be there.
 *
 * @throws ApiError 400 in dockerd's words.
 */
function makeVolumeFilter(
  filters: readonly string[],
  used: ReadonlySet<string>,
): (volume: VolumeRecord) => boolean {
  const pairs = filters.map((filter) => {
    const at = filter.indexOf("=");
    const [name, value] = [filter.slice(0, at), filter.slice(at + 1)];
    if (!["name", "label", "driver", "dangling"].includes(name))
      throw new ApiError(400, `Invalid filter '${name}'`);
    if (name === "dangling" && !YES.test(value) && !NO.test(value))
      throw new ApiError(400, `Invalid filter 'dangling=[${value}]'`);
    return { name, value };
  });
  const values = (name: string): string[] =>
    pairs.filter((pair) => pair.name === name).map(({ value }) => value);
  const [names = [], labels = [], drivers = [], dangling = []] = ["name", "label", "driver", "dangling"].map(
    values,
  );
  return (volume) =>
    (names.length === 0 || names.some((each) => volume.name.includes(each))) &&
    (drivers.length === 0 || drivers.includes("local")) &&
    (dangling.length === 0 || dangling.some((each) => YES.test(each) !== used.has(volume.name))) &&
    labels.every((each) => hasLabel(volume.labels, each));
}

const YES = /^(1|true)$/i;
const NO = /^(0|false)$/i;

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const [name = "", ...rest] = wanted.split("=");
  return Object.hasOwn(labels, name) && (rest.length === 0 || labels[name] === rest.join("="));
}

async function create(execution: Execution, exchange: Exchange): Promise<void> {
  const fields = new FieldReader(await exchange.body(), "");
  const name = fields.text("Name") || undefined;
  const options = { ...fields.map("DriverOpts") };
  const labels = { ...fields.map("Labels") };
  const driver = fields.text("Driver");
  if (!["", "local"].includes(driver))
    throw new ApiError(
      404,
      `create ${name ?? ""}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
    );
  fields.end();
  const content = readContent(name, options);
  const record = await execution.createVolume(
    { name, options, labels, isAnonymous: name === undefined, content },
    exchange.signal,
  );
  exchange.json(201, describeVolume(record));
}

function readContent(name: string | undefined, options: Readonly<Record<string, string>>) {
  try {
    return contentOf(options, parseSize);
  } catch (error) {
    throw withContext(`create ${name ?? ""}`, error);
  }
}

function remove(execution: Execution, exchange: Exchange): void {
  try {
    execution.removeVolume(exchange.parameter("name"));
  } catch (error) {
    const isMissing = error instanceof TetherError && error.code === "no-such-volume";
    if (!isMissing || !exchange.query.flag("force")) throw error;
  }
  exchange.empty(204);
}

/** Since 1.42 those without a name of their own, unless `all` is said; before, all. */
function prune(execution: Execution, exchange: Exchange): void {
  const filters = exchange.query.filters();
  const other = filters.find((filter) => !filter.startsWith("all="));
  if (other !== undefined) throw notBuilt(`the filter ${other.split("=")[0] ?? ""} of pruning volumes`);
  const isAll = exchange.version < 42 || filters.some((filter) => /^all=(1|t|true)$/i.test(filter));
  const { names, bytes } = execution.pruneVolumes(isAll);
  exchange.json(200, { VolumesDeleted: names, SpaceReclaimed: bytes });
}

/** Docker's Volume. Nothing of it is mounted on this machine. */
export function describeVolume({ name, created, labels, options, content }: VolumeRecord): object {
  return {
    CreatedAt: created,
    Driver: "local",
    Labels: Object.keys(labels).length === 0 ? null : labels,
    Mountpoint: "",
    Name: name,
    Options: Object.keys(options).length === 0 ? null : options,
    Scope: "local",
    Status: { content },
  };
}
