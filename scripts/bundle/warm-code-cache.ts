import { spawnSync } from "node:child_process";
import { join } from "node:path";

/**
 * Makes V8's code cache for a bundle: runs it with TETHER_WARM_UP=1 in a process of its own, calls the
 * `warmUp()` that it exports then, if any, and writes what was compiled. The cache serves only the very Node
 * that made it, and only under the same `filename`.
 *
 * A fixed seed makes the same cache from the same bundle: strings carry their hash in it. (`--hash-seed` would
 * do so too, but is part of the cache's key, and the cache would be rejected.)
 */
export function warmCodeCache(node: string, bundle: string, cache: string, filename: string): void {
  const args = ["--random-seed=1", join(import.meta.dirname, "warm-up.cjs"), bundle, cache, filename];
  const env = { ...process.env, TETHER_WARM_UP: "1" };
  const { status, signal } = spawnSync(node, args, { env, stdio: ["ignore", 2, 2], timeout: 60_000 });
  if (status !== 0) throw new Error(`the warm-up of ${bundle} ended with ${signal ?? `status ${status}`}`);
}
