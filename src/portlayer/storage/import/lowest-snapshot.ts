import type { CheckedLayer } from "./check-layers.ts";

/**
 * How many of an image's layers its lowest snapshot has to have: one, unless a file would lose extended attributes
 * (capabilities, say). mke2fs takes those of a whole tree; nothing else here can read them from it. So it has each layer that
 * has attributes, or links to a file that may have some, with all below; and every layer of an image in which folders have
 * some, since umoci lets them go when a layer comes over them.
 */
export function layersOfLowestSnapshot(layers: readonly CheckedLayer[]): number {
  if (layers.some(({ attributes }) => attributes === "folders")) return layers.length;
  const first = layers.findIndex(({ attributes }) => attributes !== "none");
  if (first === -1) return 1;
  return 1 + layers.findLastIndex(({ attributes, hasLinks }, index) => isTaken(index, attributes, hasLinks));

  function isTaken(index: number, attributes: CheckedLayer["attributes"], hasLinks: boolean): boolean {
    return attributes !== "none" || (hasLinks && index > first);
  }
}
