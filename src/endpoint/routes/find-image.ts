import { type Execution, type Image, normaliseRegistryName } from "../../portlayer/execution/index.ts";
import { ApiError } from "../http/api-error.ts";

/** An image's id, or the beginning of one. */
const ID = /^(?:sha256:)?([0-9a-f]{4,64})$/;

/** A name as Docker completes it. @throws ApiError 400 in dockerd's words. */
export function completeName(text: string): string {
  const parsed = normaliseRegistryName(text);
  if ("name" in parsed) return parsed.name;
  throw new ApiError(400, `invalid reference format: ${parsed.reason}`);
}

/**
 * The image that a client names by its name or its id. Never a path: a client of the API has no say in what files of
 * this machine are read.
 *
 * @param inWords how the error names it: with its tag, as nearly everywhere.
 * @throws ApiError 404 in the words for which Docker's client pulls it, 400.
 */
export async function findImage(
  { images }: Pick<Execution, "images">,
  text: string,
  inWords: (text: string) => string = withTag,
): Promise<Image> {
  const parsed = normaliseRegistryName(text);
  const named = "name" in parsed ? await images.findNamed(parsed.name) : undefined;
  if (named !== undefined) return named;
  const hex = ID.exec(text)?.[1];
  if (hex !== undefined) {
    const all = await images.list();
    const [first, another] = all.filter(({ image }) => image.digest.startsWith(`sha256:${hex}`));
    if (first !== undefined && another === undefined) return first.image;
  }
  if (!("name" in parsed) && hex === undefined) throw new ApiError(400, "invalid reference format");
  throw new ApiError(404, `No such image: ${inWords(text)}`);
}

function withTag(text: string): string {
  return text.includes("@") || text.slice(text.lastIndexOf("/") + 1).includes(":") ? text : `${text}:latest`;
}
