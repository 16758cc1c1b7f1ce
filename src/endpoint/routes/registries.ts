import { type Execution, type LayerProgress, repositoryOf } from "../../portlayer/execution/index.ts";
import { ApiError, toApiError } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Route } from "../http/router.ts";
import { FieldReader } from "../requests/fields.ts";
import { readLogin, readLoginHeader, registryOfAddress } from "../requests/registry-login.ts";
import { completeName } from "./find-image.ts";
import { importArchive } from "./image-archives.ts";
import { familiarName } from "./image-description.ts";
import { push } from "./push.ts";

/** What registries have: pulling, pushing, looking, logging in. */
export function registryRoutes(execution: Execution): Route[] {
  return [
    {
      method: "POST",
      path: "/images/create",
      answer: (exchange) =>
        exchange.query.text("fromSrc") === undefined
          ? pull(execution, exchange)
          : importArchive(execution, exchange),
    },
    { method: "POST", path: "/images/{name...}/push", answer: (exchange) => push(execution, exchange) },
    { method: "POST", path: "/auth", answer: (exchange) => logIn(execution, exchange) },
    { method: "GET", path: "/distribution/{name...}/json", answer: (exchange) => look(execution, exchange) },
    { method: "GET", path: "/images/search", answer: refuseSearch },
  ];
}

/** One that has its registry's index would be the Docker Hub alone. */
function refuseSearch(): void {
  throw new ApiError(
    501,
    "searching is not supported by this endpoint: the API of registries has no search, look at https://hub.docker.com",
  );
}

/** `docker pull`: one tag, one digest, or all tags. */
async function pull(execution: Execution, exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  checkPlatform(query.text("platform"));
  const [text, tag] = [query.text("fromImage")?.replace(/:$/, ""), query.text("tag")];
  if (text === undefined) throw new ApiError(400, "fromImage is missing");
  const login = readLoginHeader(exchange.request.headers["x-registry-auth"]);
  const progress = new PullProgress(exchange);
  const isAll = tag === undefined && !/[:@]/.test(text.slice(text.lastIndexOf("/") + 1));
  const name = completeName(tag === undefined ? text : withTag(text, tag));
  const familiar = familiarName(name);
  const repository = familiar.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  try {
    const names = isAll
      ? (
          await execution.images.listRemoteTags(name.replace(/:[^/:]*$/, ""), {
            ...{ login, signal, familiar: repository },
          })
        ).map((each) => completeName(`${repository}:${each}`))
      : [name];
    let isAnyNew = false;
    for (const each of names) {
      const options = { login, signal, familiar: familiarName(each) };
      const { image, remoteDigest, isNew } = await execution.images.pull(each, options, progress.of(each));
      execution.tellImage(image, "pull", options.familiar, repository);
      progress.say({ status: `Digest: ${remoteDigest}` });
      isAnyNew ||= isNew;
    }
    const what = isAnyNew ? "Downloaded newer image for" : "Image is up to date for";
    progress.say({ status: `Status: ${what} ${isAll ? repository : familiar}` });
  } catch (error) {
    progress.fail(error);
  }
  exchange.response.end();
}

function withTag(text: string, tag: string): string {
  if (tag.includes(":")) return `${text}@${tag}`;
  const colon = text.indexOf(":", text.lastIndexOf("/") + 1);
  return `${colon < 0 ? text : text.slice(0, colon)}:${tag}`;
}

/** @throws ApiError 400 for what container VMs do not run. */
function checkPlatform(platform: string | undefined): void {
  if (platform !== undefined && !/^linux(?:\/(?:amd64|x86_64))?$/.test(platform))
    throw new ApiError(400, `container VMs run linux/amd64, not ${platform}`);
}

/** Tells a client of a pull in dockerd's lines. As with dockerd, what fails before there is a line is an error. */
class PullProgress {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  of(name: string): { onFound(): void; onLayer(digest: string, progress: LayerProgress): void } {
    const familiar = familiarName(name);
    const id = familiar.includes("@")
      ? familiar.slice(familiar.indexOf("@") + 1)
      : familiar.slice(familiar.lastIndexOf(":") + 1);
    // As in the registry: with the folder of the Docker Hub, and without the registry.
    const path = repositoryOf(name).slice(name.indexOf("/") + 1);
    return {
      onFound: () => this.say({ status: `Pulling from ${path}`, id }),
      onLayer: (digest, status) => this.say({ status, progressDetail: {}, id: shortDigest(digest) }),
    };
  }

  say(line: object): void {
    const { response } = this.#exchange;
    if (!response.headersSent) this.#exchange.begin(200, { "Content-Type": "application/json" });
    // A few lines for each layer: nothing to wait for.
    response.write(`${JSON.stringify(line)}\n`);
  }

  fail(error: unknown): void {
    if (!this.#exchange.response.headersSent) throw error;
    const { message } = toApiError(error);
    this.say({ errorDetail: { message }, error: message });
  }
}

/** As Docker's client shows a layer. */
export function shortDigest(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1).slice(0, 12);
}

/** `docker login`: whether the registry takes it. */
async function logIn({ images }: Execution, exchange: Exchange): Promise<void> {
  const fields = new FieldReader(await exchange.body(), "");
  const registry = registryOfAddress(fields.text("serveraddress"));
  const login = readLogin(fields);
  if (login === undefined) throw new ApiError(400, "username and password are missing");
  // The name of a registry as images have it: nothing else is asked.
  completeName(`${registry}/x`);
  const { identityToken } = await images.checkLogin(registry, login, exchange.signal);
  exchange.json(200, { IdentityToken: identityToken, Status: "Login Succeeded" });
}

/** `docker manifest inspect`'s and `docker service`'s look at an image in its registry. */
async function look({ images }: Execution, exchange: Exchange): Promise<void> {
  const name = completeName(exchange.parameter("name"));
  const login = readLoginHeader(exchange.request.headers["x-registry-auth"]);
  const { mediaType, digest, sizeBytes, platforms } = await images.inspectRemote(name, {
    ...{ login, signal: exchange.signal, familiar: familiarName(name) },
  });
  exchange.json(200, { Descriptor: { mediaType, digest, size: sizeBytes }, Platforms: platforms });
}
