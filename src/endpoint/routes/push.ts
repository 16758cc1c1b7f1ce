import type { Execution, NamedImage, RegistryLogin } from "../../portlayer/execution/index.ts";
import { ApiError, toApiError } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { sendLine } from "../http/send.ts";
import { readLoginHeader } from "../requests/registry-login.ts";
import { completeName } from "./find-image.ts";
import { familiarName, isSameRepository } from "./image-description.ts";
import { readNewName } from "./images.ts";

/** `docker push`: one tag, or without one all that the repository has here. */
export async function push(execution: Execution, exchange: Exchange): Promise<void> {
  const { signal, query } = exchange;
  const tag = query.text("tag");
  const name = readNewName(exchange.parameter("name"), tag);
  const login = readLoginHeader(exchange.request.headers["x-registry-auth"]);
  const repository = name.replace(/:[^/:]*$/, "");
  const response = exchange.begin(200, { "Content-Type": "application/json" });
  const say = (line: object): Promise<void> => sendLine(response, line, signal);
  await say({ status: `The push refers to repository [${repository}]` });
  try {
    const all = await execution.images.list();
    const isWhole = tag === undefined && !/:[^/]*$/.test(exchange.parameter("name"));
    const pushed = isWhole ? tagsIn(all, name) : [name];
    if (isWhole && pushed.length === 0)
      throw new ApiError(404, `An image does not exist locally with the tag: ${familiarName(repository)}`);
    for (const each of pushed) await pushOne(execution, { name: each, login, signal, say });
  } catch (error) {
    const { message } = toApiError(error);
    await say({ errorDetail: { message }, error: message });
  }
  response.end();
}

function tagsIn(all: readonly NamedImage[], name: string): string[] {
  return all
    .flatMap(({ names }) => names)
    .filter((each) => !each.includes("@") && isSameRepository(each, name));
}

interface Push {
  readonly name: string;
  readonly login: RegistryLogin | undefined;
  readonly signal: AbortSignal;
  readonly say: (line: object) => Promise<void>;
}

async function pushOne(execution: Execution, { name, login, signal, say }: Push): Promise<void> {
  const { images } = execution;
  const familiar = familiarName(completeName(name));
  const image = await images.findNamed(name);
  if (image === undefined)
    throw new ApiError(
      404,
      `An image does not exist locally with the tag: ${familiar.replace(/:[^/:]*$/, "")}`,
    );
  const layers = image.layers.map(({ diffId }) => diffId.slice(7, 19));
  for (const id of layers) await say({ status: "Preparing", progressDetail: {}, id });
  const { digest, sizeBytes } = await images.push(image, name, { login, signal, familiar });
  execution.tellImage(image, "push", familiar, familiar.replace(/:[^/:]*$/, ""));
  for (const id of layers) await say({ status: "Pushed", progressDetail: {}, id });
  const tag = name.slice(name.lastIndexOf(":") + 1);
  await say({ status: `${tag}: digest: ${digest} size: ${sizeBytes}` });
  await say({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: sizeBytes } });
}
