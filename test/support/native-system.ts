import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LinuxSystem, loadNativeAddon } from "../../src/system/linux-system.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

let addon: ReturnType<typeof loadNativeAddon> | undefined;

/** The real system. Its addon is loaded once: it has one thread for all rings, for one owner. */
export function nativeSystem(): LinuxSystem {
  addon ??= loadNativeAddon(built("tether.node"));
  return new LinuxSystem(addon);
}

/** A file that `native/build.mjs` makes; building is the test run's set-up, not the tests'. */
export function built(name: string): string {
  // Set by the sanitizer run, which has an addon of its own.
  const folder = name === "tether.node" ? (process.env["TETHER_NATIVE"] ?? "build/native") : "build/native";
  const path = `${root}${folder}/${name}`;
  if (!existsSync(path)) throw new Error(`${path} is missing: run node native/build.mjs`);
  return path;
}
