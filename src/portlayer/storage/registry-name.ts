const DOMAIN =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?$/;
const PATH_PART = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** The distribution project's limit for the name without tag and digest. */
const NAME_LENGTH_LIMIT = 255;

/**
 * Completes a registry name as Docker does: `busybox` is `docker.io/library/busybox:latest`. A tag beside
 * a digest is dropped: the digest decides, and skopeo refuses both together.
 * The grammar is that of github.com/distribution/reference.
 */
export function normaliseRegistryName(text: string): { name: string } | { reason: string } {
  const [beforeDigest = "", digest, ...more] = text.split("@");
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) return { reason: "invalid digest" };
  const { repository, tag } = splitTag(beforeDigest);
  if (tag !== undefined && !TAG.test(tag)) return { reason: `invalid tag ${JSON.stringify(tag)}` };

  const { domain, path } = splitDomain(repository);
  if (!DOMAIN.test(domain)) return { reason: `invalid registry ${JSON.stringify(domain)}` };
  if (path !== path.toLowerCase()) return { reason: "the repository name must be lowercase" };
  if (!path.split("/").every((part) => PATH_PART.test(part)))
    return { reason: "it is neither a path nor a name" };
  const name = `${domain}/${path}`;
  if (name.length > NAME_LENGTH_LIMIT)
    return { reason: `the name is longer than ${NAME_LENGTH_LIMIT} characters` };
  return { name: digest === undefined ? `${name}:${tag ?? "latest"}` : `${name}@${digest}` };
}

/** The registry of a complete name. */
export const registryOf = (name: string): string => name.slice(0, name.indexOf("/"));

/** A complete name without its tag or digest. */
export function repositoryOf(name: string): string {
  const [beforeDigest = ""] = name.split("@");
  const colon = beforeDigest.indexOf(":", beforeDigest.lastIndexOf("/") + 1);
  return colon < 0 ? beforeDigest : beforeDigest.slice(0, colon);
}

/** A colon after the last slash starts the tag; one before it is a port. */
function splitTag(text: string): { repository: string; tag: string | undefined } {
  const colon = text.indexOf(":", text.lastIndexOf("/") + 1);
  if (colon < 0) return { repository: text, tag: undefined };
  return { repository: text.slice(0, colon), tag: text.slice(colon + 1) };
}

/** The first part is a registry only when it cannot be a user's name: Docker's rule. */
function splitDomain(repository: string): { domain: string; path: string } {
  const slash = repository.indexOf("/");
  const first = slash < 0 ? "" : repository.slice(0, slash);
  const isDomain = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  const domain = isDomain && first !== "index.docker.io" ? first : "docker.io";
  const path = isDomain ? repository.slice(slash + 1) : repository;
  return { domain, path: domain === "docker.io" && !path.includes("/") ? `library/${path}` : path };
}
