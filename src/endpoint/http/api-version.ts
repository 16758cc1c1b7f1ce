import { ApiError } from "./api-error.ts";

/** The newest and the oldest version of Docker's API that are served. */
export const NEWEST = "1.43";
export const OLDEST = "1.24";

/** A version `1.N` by its N. */
export type ApiVersion = number;

/** What a request's path says. */
export interface VersionedPath {
  readonly version: ApiVersion;
  /** Without the version, encoded as it came. */
  readonly path: string;
}

const PREFIX = /^\/v([0-9]+(?:\.[0-9]+)*)(\/.*)$/;

/**
 * Takes the version off a path, as dockerd does (moby, api/server/middleware/version.go): without one it is the newest.
 *
 * @throws ApiError 400 in dockerd's words for a version that is not served.
 */
export function readVersion(path: string): VersionedPath {
  const [, version = NEWEST, rest = path] = PREFIX.exec(path) ?? [];
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 1 || (major === 1 && minor < minorOf(OLDEST)))
    throw new ApiError(
      400,
      `client version ${version} is too old. Minimum supported API version is ${OLDEST}, please upgrade your client to a newer version`,
    );
  if (major > 1 || minor > minorOf(NEWEST))
    throw new ApiError(
      400,
      `client version ${version} is too new. Maximum supported API version is ${NEWEST}`,
    );
  return { version: minor, path: rest };
}

function minorOf(version: string): number {
  return Number(version.split(".")[1]);
}
