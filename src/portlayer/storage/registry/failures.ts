import { TetherError } from "../../../protocol/errors/index.ts";
import { NO_SPACE } from "../import/failures.ts";
import { ToolError } from "../tool-runner.ts";
import { StalledError } from "./stall-watch.ts";

const DENIED =
  /unauthorized|authentication required|denied|no basic auth credentials|invalid username\/password/i;
const UNKNOWN = /manifest unknown|name unknown|name invalid|not found|\b404\b/i;
/** What another attempt may not meet: a connection that is cut, a registry that has a fault of its own or is too busy. */
const PASSING =
  /\bEOF\b|connection (?:reset|refused|timed out)|broken pipe|timeout|deadline exceeded|unreachable|status code from registry (?:429|5\d\d)|toomanyrequests/i;
const REQUEST = /(?:Get|Head|Put|Post|Patch) "[^"]*": .*/;

/** What was asked of a registry. */
export type RegistryRequest = "pull" | "push" | "look";

/** The error for what skopeo says of a registry, in dockerd's words. Its exit status is always 1. */
export function toRegistryError(thrown: unknown, request: RegistryRequest, familiar: string): unknown {
  if (thrown instanceof StalledError)
    return new TetherError("image-unreachable", `${familiar}: ${thrown.message}`, { cause: thrown });
  if (!(thrown instanceof ToolError)) return thrown;
  const { message } = thrown;
  const because = { cause: thrown };
  if (NO_SPACE.test(message)) return thrown;
  if (DENIED.test(message)) return new TetherError(...denied(request, familiar), because);
  if (UNKNOWN.test(message) && request !== "push") {
    const reason = /name unknown/i.test(message) ? "name unknown" : "manifest unknown";
    return new TetherError(
      "image-not-found",
      `manifest for ${familiar} not found: ${reason}: ${reason === "name unknown" ? "repository name not known to registry" : reason}`,
      because,
    );
  }
  return new TetherError("image-unreachable", REQUEST.exec(message)?.[0] ?? message, because);
}

/** Whether what failed may succeed when it is tried again. */
export function isPassing(thrown: unknown): boolean {
  if (thrown instanceof StalledError) return true;
  return thrown instanceof ToolError && !NO_SPACE.test(thrown.message) && PASSING.test(thrown.message);
}

function denied(request: RegistryRequest, familiar: string): ["image-not-found" | "registry-denied", string] {
  if (request === "push") return ["registry-denied", "unauthorized: authentication required"];
  const repository = familiar.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  return [
    "image-not-found",
    `pull access denied for ${repository}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
  ];
}
