import type { RegistryLogin } from "../../portlayer/execution/index.ts";
import { notBuilt } from "../http/api-error.ts";
import { FieldReader } from "./fields.ts";

/** The name that stands for the Docker Hub in logins. */
const HUB = /^(?:index\.|registry-1\.)?docker\.io$/;

/**
 * The login of a header `X-Registry-Auth`, which is JSON in base64url.
 *
 * @returns undefined for nobody in particular. As with dockerd, what cannot be read says nothing.
 * @throws ApiError 501 for a token that is good for one registry's requests alone.
 */
export function readLoginHeader(header: string | string[] | undefined): RegistryLogin | undefined {
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(String(header ?? ""), "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof document !== "object" || document === null || Array.isArray(document)) return undefined;
  return readLogin(new FieldReader(document, "X-Registry-Auth"));
}

/** The login of Docker's AuthConfig. */
export function readLogin(fields: FieldReader): RegistryLogin | undefined {
  const [username, password] = [fields.text("username"), fields.text("password")];
  const token = fields.text("identitytoken");
  if (fields.text("registrytoken") !== "") throw notBuilt("a login by registrytoken");
  if (token !== "") return { kind: "identity-token", username, token };
  return username === "" && password === "" ? undefined : { kind: "password", username, password };
}

/** A registry as names have it, of `serveraddress`, which may be an address: `https://index.docker.io/v1/`. */
export function registryOfAddress(address: string): string {
  const host = address.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  return host === "" || HUB.test(host) ? "docker.io" : host;
}
