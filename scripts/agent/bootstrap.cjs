// The main script of the agent's executable: starts the bundle with the code cache made at build time. V8's own
// cache for a main script holds only what is compiled before it runs, not what a warm-up has shown to be used.
"use strict";
const { getRawAsset } = require("node:sea");
const { setFlagsFromString } = require("node:v8");
const { Script } = require("node:vm");

const source = Buffer.from(getRawAsset("agent.js")).toString("latin1");
const script = new Script(source, {
  filename: "agent.js",
  cachedData: Buffer.from(getRawAsset("agent.cache")),
});
if (process.env["TETHER_DEBUG_CACHE"]) console.error(`code cache rejected: ${script.cachedDataRejected}`);
// After the cache, whose key has the flags in it. The collector's helpers: the heap is small, the guest has one or two
// processors, and the container wants them.
for (const flag of ["parallel-scavenge", "concurrent-marking", "concurrent-sweeping"])
  setFlagsFromString(`--no-${flag}`);
/** @type {{ exports: { main?: (readAsset: typeof getRawAsset) => void } }} */
const agent = { exports: {} };
script.runInThisContext()(agent.exports, require, agent);
agent.exports.main?.(getRawAsset);
