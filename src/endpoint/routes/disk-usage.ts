import type { Execution } from "../../portlayer/execution/index.ts";
import { ApiError } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Route } from "../http/router.ts";
import { summariseImage } from "./image-description.ts";
import { summarise } from "./summary.ts";
import { describeVolume } from "./volumes.ts";

/** What can be asked for alone, since 1.42. */
const KINDS = ["container", "image", "volume", "build-cache"] as const;
type Kind = (typeof KINDS)[number];

/** What everything takes of this machine's disk (`docker system df`). */
export function diskUsageRoutes(execution: Execution): Route[] {
  return [{ method: "GET", path: "/system/df", answer: (exchange) => tellUsage(execution, exchange) }];
}

async function tellUsage(execution: Execution, exchange: Exchange): Promise<void> {
  const isWanted = readKinds(exchange);
  const all = execution.list();
  const usersOf = (digest: string): number =>
    all.filter(({ record }) => record.imageDigest === digest).length;
  const images = isWanted("image") ? await execution.images.list() : [];
  exchange.json(200, {
    LayersSize: images.reduce((sum, { image }) => sum + image.usedBytes, 0),
    Images: isWanted("image")
      ? images.map((each) => ({
          ...summariseImage(each),
          // Each image has a disk of its own.
          SharedSize: 0,
          Containers: usersOf(each.image.digest),
        }))
      : null,
    Containers: isWanted("container")
      ? all.map((known) => summarise(known, execution.sizeOf(known.record)))
      : null,
    Volumes: isWanted("volume")
      ? execution.listVolumes().map((volume) => {
          const { bytes, references } = execution.useOfVolume(volume);
          return { ...describeVolume(volume), UsageData: { Size: bytes, RefCount: references } };
        })
      : null,
    BuildCache: isWanted("build-cache") ? [] : null,
    ...(exchange.version < 42 ? { BuilderSize: 0 } : {}),
  });
}

function readKinds({ query, version }: Exchange): (kind: Kind) => boolean {
  const wanted = version >= 42 ? query.texts("type") : [];
  const other = wanted.find((each) => !KINDS.some((kind) => kind === each));
  if (other !== undefined) throw new ApiError(400, `unknown object type: ${other}`);
  return (kind) => wanted.length === 0 || wanted.includes(kind);
}
