import type { Execution, Image } from "../../portlayer/execution/index.ts";
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
  const layers = countLayers(images.map(({ image }) => image));
  exchange.json(200, {
    LayersSize: layers.totalBytes,
    Images: isWanted("image")
      ? images.map((each) => ({
          ...summariseImage(each, exchange.version),
          SharedSize: layers.sharedBytes(each.image),
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

/** What the layers of images have: each is there once. */
function countLayers(images: readonly Image[]): {
  readonly totalBytes: number;
  readonly sharedBytes: (image: Image) => number;
} {
  const users = new Map<string, number>();
  let totalBytes = 0;
  for (const { diffId, contentBytes } of images.flatMap(({ layers }) => layers)) {
    const count = users.get(diffId) ?? 0;
    users.set(diffId, count + 1);
    if (count === 0) totalBytes += contentBytes;
  }
  const isShared = ({ diffId }: Image["layers"][number]): boolean => (users.get(diffId) ?? 0) > 1;
  return {
    totalBytes,
    sharedBytes: ({ layers }) =>
      layers.filter(isShared).reduce((sum, { contentBytes }) => sum + contentBytes, 0),
  };
}

function readKinds({ query, version }: Exchange): (kind: Kind) => boolean {
  const wanted = version >= 42 ? query.texts("type") : [];
  const other = wanted.find((each) => !KINDS.some((kind) => kind === each));
  if (other !== undefined) throw new ApiError(400, `unknown object type: ${other}`);
  return (kind) => wanted.length === 0 || wanted.includes(kind);
}
