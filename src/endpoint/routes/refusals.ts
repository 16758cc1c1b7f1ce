import { ApiError, notBuilt } from "../http/api-error.ts";
import type { Route } from "../http/router.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"] as const;

/** dockerd's words on a machine that is no swarm manager (moby, daemon/cluster/errors.go). */
const NO_SWARM =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

/** What belongs to a swarm. */
const SWARM = ["swarm", "nodes", "services", "tasks", "secrets", "configs"] as const;

/** Routes of the API that are not built yet: method, path, and what it is in the answer. */
const NOT_BUILT: readonly (readonly [Route["method"], string, string])[] = [
  ["PUT", "/volumes/{name}", "updating a volume"],
  ["POST", "/networks/create", "making a network"],
  ["POST", "/networks/prune", "pruning networks"],
  ["DELETE", "/networks/{id}", "removing a network"],
  ["POST", "/networks/{id}/connect", "connecting a container to a network"],
  ["POST", "/networks/{id}/disconnect", "disconnecting a container from a network"],
];

/** Everything of Docker's API that this endpoint refuses, each in its own words. */
export function refusalRoutes(): Route[] {
  return [
    ...NOT_BUILT.map(([method, path, what]) => refusal(method, path, () => notBuilt(what))),
    refusal("POST", "/swarm/leave", () => new ApiError(503, "This node is not part of a swarm")),
    ...SWARM.flatMap((noun) => everywhere(noun, () => new ApiError(503, NO_SWARM))),
    ...["build", "session", "grpc"].flatMap((noun) => everywhere(noun, noBuilder)),
    // A daemon without plugins has an empty list of them.
    { method: "GET", path: "/plugins", answer: (exchange) => exchange.json(200, []) },
    ...everywhere("plugins", () => new ApiError(404, "plugins are not supported by this endpoint")),
  ];
}

function noBuilder(): ApiError {
  return new ApiError(
    501,
    "building images is not supported by this endpoint: build elsewhere, and docker load",
  );
}

function everywhere(noun: string, why: () => ApiError): Route[] {
  return METHODS.flatMap((method) => [
    refusal(method, `/${noun}`, why),
    refusal(method, `/${noun}/{rest...}`, why),
  ]);
}

function refusal(method: Route["method"], path: string, why: () => ApiError): Route {
  return {
    method,
    path,
    answer: () => {
      throw why();
    },
  };
}
