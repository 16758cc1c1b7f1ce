import { spawnSync } from "node:child_process";
import { join } from "node:path";

/**
 * Makes V8's code cache for the agent's bundle, in a process of its own on `node`: the cache serves only the
 * very Node that made it.
 *
 * @param addon the agent's own, `tether.node`.
 *
 * A fixed seed makes the same cache from the same bundle: strings carry their hash in it. (`--hash-seed` would
 * do so too, but is part of the cache's key, and the cache would be rejected.)
 */
export function warmCodeCache(node: string, bundle: string, cache: string, addon: string): void {
  const args = ["--random-seed=1", join(import.meta.dirname, "run-warm-up.ts"), bundle, cache, addon];
  const { status, signal } = spawnSync(node, args, { stdio: ["ignore", 2, 2], timeout: 60_000 });
  if (status !== 0) throw new Error(`the warm-up of ${bundle} ended with ${signal ?? `status ${status}`}`);
}
