import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Execution } from "../../portlayer/execution/index.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Route } from "../http/router.ts";
import { applyChanges, type ImageConfig } from "../requests/image-changes.ts";
import { findImage } from "./find-image.ts";
import { familiarName } from "./image-description.ts";
import { readNewName } from "./images.ts";

/** Images that are made of containers. */
export function commitRoutes(execution: Execution): Route[] {
  return [{ method: "POST", path: "/commit", answer: (exchange) => commit(execution, exchange) }];
}

/** `docker commit`: the image of the container, with one more layer of what it has changed. */
async function commit(execution: Execution, exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  const record = execution.containers.find(query.text("container") ?? "");
  const repository = query.text("repo");
  const name = repository === undefined ? undefined : readNewName(repository, query.text("tag"));
  const given = await exchange.body();
  const described = imageConfiguration((await execution.inspect(record.id))["Config"] as ImageConfig);
  const config = applyChanges({ ...described, ...imageConfiguration(given) }, query.texts("changes"));
  const image = await withFolder(async (folder) => {
    const layer = join(folder, "layer.tar");
    const pauses = query.text("pause") === undefined || query.flag("pause");
    await execution.writeLayer(record.id, layer, { pauses, signal });
    return execution.images.create(
      {
        ...{ layer, config, parent: await findImage(execution, record.imageDigest) },
        ...{ author: query.text("author"), comment: query.text("comment"), created: new Date() },
        createdBy: record.command.join(" "),
        text: name === undefined ? `of the container ${record.name}` : familiarName(name),
      },
      { signal },
    );
  });
  if (name !== undefined) await execution.images.name(name, image);
  execution.tell(record, "commit", {
    comment: query.text("comment") ?? "",
    imageID: image.digest,
    imageRef: name === undefined ? "" : familiarName(name),
  });
  exchange.json(201, { Id: image.digest });
}

/** Has a folder as long as it is used. */
async function withFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "vch-commit-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What an image's configuration has of a container's, as far as there is something to tell. */
const FIELDS = [
  ...["User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir"],
  ...["Labels", "StopSignal", "Healthcheck", "Shell", "OnBuild"],
] as const;

function imageConfiguration(config: ImageConfig): ImageConfig {
  return Object.fromEntries(
    FIELDS.map((name) => [name, config[name]] as const).filter(
      ([, value]) => value !== undefined && value !== null && value !== "",
    ),
  );
}
