import {
  chainIdsOf,
  type Execution,
  type Image,
  isUp,
  type KnownContainer,
  type NamedImage,
} from "../../portlayer/execution/index.ts";
import { ApiError } from "../http/api-error.ts";
import { completeName, findImage } from "./find-image.ts";
import { familiarName, isSameRepository } from "./image-description.ts";

/** One line of what a removal has done. */
export type Removed = { readonly Untagged: string } | { readonly Deleted: string };

/** What a removal has done, and what room that makes. */
export interface Removal {
  readonly removed: readonly Removed[];
  /** Of the layers that no image has any more. */
  readonly contentBytes: number;
}

const ID_LENGTH = 12;

/**
 * Removes an image by a name or its id, by dockerd's rules (moby, daemon/images/image_delete.go): a name goes first, the
 * image with its last one.
 *
 * @throws ApiError 404, 409 in dockerd's words.
 */
export async function removeImage(execution: Execution, text: string, isForced: boolean): Promise<Removal> {
  const image = await findImage(execution, text);
  const removal = new ImageRemoval(execution, await describe(execution, image));
  return isIdPrefix(image.digest, text) ? removal.byId(isForced) : removal.byName(text, isForced);
}

async function describe({ images }: Execution, image: Image): Promise<NamedImage> {
  const all = await images.list();
  return all.find((each) => each.image.digest === image.digest) ?? { image, names: [] };
}

function isIdPrefix(digest: string, text: string): boolean {
  return digest.startsWith(text) || digest.slice(digest.indexOf(":") + 1).startsWith(text);
}

/** The containers that stand on an image's disk. */
export function containersOf(execution: Execution, digest: string): KnownContainer[] {
  return execution.list().filter(({ record }) => record.imageDigest === digest);
}

/** Gives the room back of images that were removed by force and whose containers have gone. */
export function sweepImages(execution: Execution): Promise<void> {
  return execution.images.sweep((digest) => containersOf(execution, digest).length > 0);
}

class ImageRemoval {
  readonly #execution: Execution;
  readonly #image: Image;
  #names: string[];
  readonly #removed: Removed[] = [];

  constructor(execution: Execution, { image, names }: NamedImage) {
    this.#execution = execution;
    this.#image = image;
    this.#names = [...names];
  }

  async byName(text: string, isForced: boolean): Promise<Removal> {
    const { digest } = this.#image;
    const [user] = containersOf(this.#execution, digest);
    if (!isForced && user !== undefined && this.#hasSingleName())
      throw new ApiError(
        409,
        `conflict: unable to remove repository reference "${text}" (must force) - container ${short(user.record.id)} is using its referenced image ${short(digest)}`,
      );
    const name = completeName(text);
    await this.#untag(name);
    // A digest in a registry is nothing to know an image by once its tag has gone.
    const others = this.#names.filter((each) => isSameRepository(each, name));
    if (!name.includes("@") && others.every((each) => each.includes("@")))
      for (const each of others) await this.#untag(each);
    if (this.#names.length > 0) return { removed: this.#removed, contentBytes: 0 };
    const isNeeded = this.#conflict(isForced) !== undefined;
    return isNeeded ? { removed: this.#removed, contentBytes: 0 } : this.#delete();
  }

  async byId(isForced: boolean): Promise<Removal> {
    if (!this.#hasSingleName() && this.#names.length > 0 && !isForced) {
      const running = this.#conflict(true);
      throw running ?? this.#refusal("must be forced", "image is referenced in multiple repositories");
    }
    const conflict = this.#conflict(isForced);
    if (conflict !== undefined) throw conflict;
    for (const name of [...this.#names]) await this.#untag(name);
    return this.#delete();
  }

  /** At most one tag, and one repository. */
  #hasSingleName(): boolean {
    const [first = ""] = this.#names;
    const tags = this.#names.filter((name) => !name.includes("@"));
    return (
      this.#names.length > 0 && tags.length <= 1 && this.#names.every((name) => isSameRepository(name, first))
    );
  }

  /** What keeps the image: a container that is up keeps it in any case. */
  #conflict(isForced: boolean): ApiError | undefined {
    const containers = containersOf(this.#execution, this.#image.digest);
    const running = containers.find(({ state }) => isUp(state));
    if (running !== undefined)
      return this.#refusal(
        "cannot be forced",
        `image is being used by running container ${short(running.record.id)}`,
      );
    const [stopped] = containers;
    if (stopped === undefined || isForced) return undefined;
    return this.#refusal(
      "must be forced",
      `image is being used by stopped container ${short(stopped.record.id)}`,
    );
  }

  #refusal(force: string, reason: string): ApiError {
    return new ApiError(
      409,
      `conflict: unable to delete ${short(this.#image.digest)} (${force}) - ${reason}`,
    );
  }

  async #untag(name: string): Promise<void> {
    await this.#execution.images.untag(name);
    this.#names = this.#names.filter((each) => each !== name);
    this.#removed.push({ Untagged: familiarName(name) });
    this.#execution.tellImage(this.#image, "untag");
  }

  async #delete(): Promise<Removal> {
    const { images } = this.#execution;
    await images.remove(this.#image, (digest) => containersOf(this.#execution, digest).length > 0);
    await sweepImages(this.#execution);
    this.#removed.push({ Deleted: this.#image.digest });
    this.#execution.tellImage(this.#image, "delete");
    const kept = new Set((await images.list()).flatMap(({ image }) => chainsOf(image)));
    let contentBytes = 0;
    for (const [index, chain] of [...chainsOf(this.#image).entries()].reverse()) {
      if (kept.has(chain)) continue;
      this.#removed.push({ Deleted: chain });
      contentBytes += this.#image.layers[index]?.contentBytes ?? 0;
    }
    return { removed: this.#removed, contentBytes };
  }
}

function chainsOf({ layers }: Image): string[] {
  return chainIdsOf(layers.map(({ diffId }) => diffId));
}

function short(id: string): string {
  return id.slice(id.indexOf(":") + 1).slice(0, ID_LENGTH);
}
