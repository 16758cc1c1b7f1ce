/** Docker's API, route by route: what each reads of its request, asks of the port layer, and answers. */
import type { Route } from "../http/router.ts";
import { archiveRoutes } from "./archive.ts";
import { attachRoutes } from "./attach.ts";
import { commitRoutes } from "./commit.ts";
import { containerRoutes } from "./containers.ts";
import { diskUsageRoutes } from "./disk-usage.ts";
import { eventRoutes } from "./events.ts";
import { execRoutes } from "./exec.ts";
import { imageArchiveRoutes } from "./image-archives.ts";
import { imageRoutes } from "./images.ts";
import { lifeRoutes } from "./life.ts";
import { logRoutes } from "./logs.ts";
import { metricsRoutes } from "./metrics.ts";
import { networkRoutes } from "./networks.ts";
import type { Parts } from "./parts.ts";
import { refusalRoutes } from "./refusals.ts";
import { registryRoutes } from "./registries.ts";
import { statsRoutes } from "./stats.ts";
import { systemRoutes } from "./system.ts";
import { volumeRoutes } from "./volumes.ts";

export type { Parts } from "./parts.ts";

/** Every route. What comes first wins: names of images may hold the words of other routes. */
export function allRoutes(parts: Parts): Route[] {
  const { execution } = parts;
  return [
    ...systemRoutes(parts),
    ...diskUsageRoutes(execution),
    ...metricsRoutes(parts),
    ...commitRoutes(execution),
    ...containerRoutes(parts),
    ...lifeRoutes(parts),
    ...attachRoutes(parts),
    ...execRoutes(parts),
    ...logRoutes(execution),
    ...archiveRoutes(execution),
    ...statsRoutes(execution),
    ...eventRoutes(execution),
    ...registryRoutes(execution),
    ...imageArchiveRoutes(execution),
    ...imageRoutes(execution),
    ...volumeRoutes(execution),
    ...networkRoutes(),
    ...refusalRoutes(),
  ];
}
