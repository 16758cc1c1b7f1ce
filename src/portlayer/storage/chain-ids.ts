import { createHash } from "node:crypto";

/**
 * The chain ids of an image's layers (OCI image specification, config.md), the lowest first: each names a layer with all
 * that are below it.
 *
 * @param diffIds of the layers, the lowest first.
 */
export function chainIdsOf(diffIds: readonly string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    const digits = createHash("sha256").update(`${below} ${diffId}`).digest("hex");
    chain.push(below === undefined ? diffId : `sha256:${digits}`);
  }
  return chain;
}
