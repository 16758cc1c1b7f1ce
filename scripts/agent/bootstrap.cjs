// The main script of the agent's executable: starts the bundle with the code cache made at build time. V8's own
// cache for a main script holds only what is compiled before it runs, not what a warm-up has shown to be used.
"use strict";
const { mkdirSync, rmSync, writeFileSync } = require("node:fs");
const { getRawAsset } = require("node:sea");
const { setFlagsFromString } = require("node:v8");
const { Script } = require("node:vm");

/** Of PID 1; anybody else's /run is not ours to write to. */
const addon = process.pid === 1 ? loadAddon() : undefined;
const source = getRawAsset("agent.js");
// A copy would be 1.2 MiB of the guest's memory that nothing can take back; the executable's pages can be.
const text = addon === undefined ? Buffer.from(source).toString("latin1") : addon.externalText(source);
const script = new Script(text, {
  filename: "agent.js",
  cachedData: Buffer.from(getRawAsset("agent.cache")),
});
if (process.env["TETHER_DEBUG_CACHE"]) console.error(`code cache rejected: ${script.cachedDataRejected}`);
// After the cache, whose key has the flags in it. The collector's helpers: the heap is small, the guest has one or two
// processors, and the container wants them.
const helpers = ["parallel-scavenge", "concurrent-marking", "concurrent-sweeping"];
// The start is over before their work pays; then src/tether/settle.ts turns the optimising ones on. Sparkplug stays off:
// its code is new to the emulator in each fork, the interpreter's is not.
const compilers = ["turbofan", "maglev", "sparkplug"];
for (const flag of [...helpers, ...compilers]) setFlagsFromString(`--no-${flag}`);
/** @type {{ exports: { main?: (readAsset: typeof getRawAsset, addon: unknown) => void } }} */
const agent = { exports: {} };
script.runInThisContext()(agent.exports, require, agent);
agent.exports.main?.(getRawAsset, addon);

/** @typedef {{ externalText: (bytes: ArrayBuffer) => string }} Addon */

/** As src/tether/assets.ts does, which is part of the source. dlopen(3) maps only files. */
function loadAddon() {
  const folder = "/run/tether";
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // A new file: an agent before this one may have mapped the other.
  const path = `${folder}/tether.node`;
  rmSync(path, { force: true });
  writeFileSync(path, new Uint8Array(getRawAsset("tether.node")), { mode: 0o500 });
  const module = { exports: {} };
  process.dlopen(module, path);
  return /** @type {Addon} */ (module.exports);
}
