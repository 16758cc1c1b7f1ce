import type { tether } from "../../generated/config.js";
import type { Problems } from "../problems.ts";
import { isWithin } from "./paths.ts";

/** A volume whose paths are in order. */
export interface PlacedVolume {
  readonly index: number;
  readonly volume: tether.config.Volume.$Properties;
  readonly target: readonly string[];
  readonly subPath: readonly string[];
}

/**
 * Finds volumes that show themselves below themselves: one disk (or share) at /data, and the same disk again at
 * /data/copy, whose root holds the folder `copy`, and so on. Whoever walks such a tree (a backup, what fills an empty
 * volume) walks what it has walked. Two parts of one disk that do not hold each other are no cycle.
 *
 * Targets themselves make no cycle: each is there once, and the outer one is mounted before the inner one.
 */
export function checkCycles(volumes: readonly PlacedVolume[], problems: Problems): void {
  for (const inner of volumes) {
    const outer = volumes.find((each) => each !== inner && holdsItself(each, inner));
    if (outer !== undefined)
      problems
        .at(inner.index)
        .at("target")
        .add(`shows volumes[${outer.index}] below itself: it is the same volume`);
  }
}

function holdsItself(outer: PlacedVolume, inner: PlacedVolume): boolean {
  if (!isWithin(inner.target, outer.target)) return false;
  const [base, other] = [sourceOf(outer), sourceOf(inner)];
  const isSame = base.names.some((name) => other.names.includes(name));
  const mountPoint = [...base.path, ...outer.subPath, ...inner.target.slice(outer.target.length)];
  return isSame && isWithin(mountPoint, [...other.path, ...inner.subPath]);
}

/** What two entries of the same source have in common, and where in it they begin. */
function sourceOf({ volume }: PlacedVolume): {
  readonly names: readonly string[];
  readonly path: readonly string[];
} {
  const { block, nfs, hostFolder } = volume;
  if (block) {
    const { label, uuid, serial, scsiAddress } = block;
    const names = Object.entries({ label, uuid: uuid?.toLowerCase(), serial, scsiAddress });
    return { names: names.filter(([, value]) => value).map((entry) => entry.join(" ")), path: [] };
  }
  if (nfs)
    return {
      names: [`nfs ${nfs.host?.toLowerCase() ?? ""}`],
      path: (nfs.path ?? "").split("/").filter((word) => word !== "" && word !== "."),
    };
  return { names: hostFolder ? [`folder ${hostFolder.tag ?? ""}`] : [], path: [] };
}
