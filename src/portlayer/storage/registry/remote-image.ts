import { createHash } from "node:crypto";

import { z } from "zod";

import { TetherError } from "../../../protocol/errors/index.ts";
import {
  type Descriptor,
  imageConfigurationSchema,
  type ImageManifest,
  imageIndexSchema,
  imageManifestSchema,
  parseDocument,
} from "../import/documents.ts";
import { OCI_MANIFEST } from "../layout-writer.ts";
import { WorkFolder } from "../work-folder.ts";
import { type RegistryRequest, toRegistryError } from "./failures.ts";
import { registryOf, repositoryOf } from "../registry-name.ts";
import { type RegistryContext, registryOptions } from "./registry-access.ts";

/** Documents larger than this are no manifests: containers/image's limit. */
const DOCUMENT_BYTES = 4 * 1024 * 1024;

/** What is asked here has a few kilobytes: a registry that takes longer does not answer at all. */
const ANSWER_MS = 60_000;

/** What `skopeo list-tags` prints. */
const tagListSchema = z.object({ Tags: z.array(z.string()).nullish() });

/** Which machines an image is for. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

/** What a name means in its registry. */
export interface RemoteImage {
  readonly mediaType: string;
  readonly digest: string;
  readonly sizeBytes: number;
  /** The document as it is. */
  readonly text: string;
  readonly document: { readonly kind: "index"; readonly manifests: readonly Descriptor[] } | RemoteManifest;
}

interface RemoteManifest {
  readonly kind: "image";
  readonly manifest: ImageManifest;
}

/** Asks a registry, with one login, about images. */
export class RemoteImages {
  readonly #context: RegistryContext;
  readonly #work: WorkFolder;
  readonly #request: RegistryRequest;

  constructor(context: RegistryContext, work: WorkFolder, request: RegistryRequest) {
    this.#context = context;
    this.#work = work;
    this.#request = request;
  }

  /** @throws TetherError `image-not-found`, `image-unreachable`, `registry-denied`, `image-corrupt`. */
  async look(name: string, familiar: string): Promise<RemoteImage> {
    const text = await this.#inspect(name, familiar, ["--raw"]);
    const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
    const wanted = name.split("@")[1];
    if (wanted?.startsWith("sha256:") === true && wanted !== digest)
      throw new TetherError("image-corrupt", `the registry's manifest of ${familiar} has digest ${digest}`);
    const described = { digest, sizeBytes: Buffer.byteLength(text), text };
    try {
      return { ...described, ...parse(text) };
    } catch (error) {
      throw TetherError.from(error, "image-corrupt", `the registry's manifest of ${familiar} is invalid`);
    }
  }

  /** An image's configuration as it is; nobody has compared it with its digest. */
  configurationOf(name: string, familiar: string): Promise<string> {
    return this.#inspect(name, familiar, ["--raw", "--config"]);
  }

  /** The platform that an image's configuration names. */
  async platformOf(name: string, familiar: string): Promise<Platform> {
    const text = await this.configurationOf(name, familiar);
    try {
      const { os, architecture } = parseDocument(imageConfigurationSchema, text);
      return { os, architecture };
    } catch (error) {
      throw TetherError.from(error, "image-corrupt", `the configuration of ${familiar} is invalid`);
    }
  }

  /** Every tag of a repository. */
  async tags(repository: string, familiar: string): Promise<string[]> {
    const text = await this.#run(["list-tags"], repository, familiar);
    try {
      return parseDocument(tagListSchema, text).Tags ?? [];
    } catch (error) {
      throw TetherError.from(error, "image-corrupt", `the registry's tags of ${familiar} are invalid`);
    }
  }

  #inspect(name: string, familiar: string, options: readonly string[]): Promise<string> {
    return this.#run(["inspect", ...options], name, familiar);
  }

  async #run(words: readonly string[], name: string, familiar: string): Promise<string> {
    const { run, signal, login } = this.#context;
    const registry = registryOf(name);
    const options = await registryOptions(this.#work, registry, { login, side: "" });
    const limit = AbortSignal.timeout(ANSWER_MS);
    try {
      const { stdout } = await run(
        "skopeo",
        ["--insecure-policy", ...words, ...options, `docker://${name}`],
        {
          signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
          outputBytes: DOCUMENT_BYTES,
        },
      );
      return stdout;
    } catch (error) {
      signal?.throwIfAborted();
      if (limit.aborted)
        throw new TetherError(
          "image-unreachable",
          `the registry ${registry} has not answered within ${ANSWER_MS / 1000} s: ${familiar}`,
        );
      throw toRegistryError(error, this.#request, familiar);
    }
  }
}

/** Every tag that a repository has in its registry. */
export async function listRemoteTags(
  repository: string,
  familiar: string,
  context: RegistryContext,
): Promise<string[]> {
  await using work = await WorkFolder.create(context.root);
  return await new RemoteImages(context, work, "pull").tags(repository, familiar);
}

/** What a registry says of a name (Docker's `GET /distribution/{name}/json`), with the platforms it is for. */
export async function inspectRemote(
  name: string,
  familiar: string,
  context: RegistryContext,
): Promise<RemoteImage & { readonly platforms: readonly Platform[] }> {
  await using work = await WorkFolder.create(context.root);
  const images = new RemoteImages(context, work, "look");
  const found = await images.look(name, familiar);
  if (found.document.kind === "index") {
    const platforms = found.document.manifests.flatMap(({ platform }) =>
      platform ? [{ ...platform, variant: platform.variant ?? undefined }] : [],
    );
    return { ...found, platforms };
  }
  const pinned = `${repositoryOf(name)}@${found.digest}`;
  return { ...found, platforms: [await images.platformOf(pinned, familiar)] };
}

function parse(text: string): Pick<RemoteImage, "mediaType" | "document"> {
  const value: unknown = JSON.parse(text);
  const mediaType =
    typeof value === "object" && value !== null && "mediaType" in value && typeof value.mediaType === "string"
      ? value.mediaType
      : undefined;
  if (typeof value === "object" && value !== null && "manifests" in value)
    return {
      mediaType: mediaType ?? "application/vnd.oci.image.index.v1+json",
      document: { kind: "index", manifests: parseDocument(imageIndexSchema, text).manifests },
    };
  return {
    mediaType: mediaType ?? OCI_MANIFEST,
    document: { kind: "image", manifest: parseDocument(imageManifestSchema, text) },
  };
}
