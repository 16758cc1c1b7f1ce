// The main script of the agent's executable: starts the bundle with the code cache made at build time. V8's own
// cache for a main script holds only what is compiled before it runs, not what a warm-up has shown to be used.
"use strict";
const { getRawAsset } = require("node:sea");
const { Script } = require("node:vm");

const source = Buffer.from(getRawAsset("agent.js")).toString("latin1");
const script = new Script(source, {
  filename: "agent.js",
  cachedData: Buffer.from(getRawAsset("agent.cache")),
});
if (process.env["TETHER_DEBUG_CACHE"]) console.error(`code cache rejected: ${script.cachedDataRejected}`);
/** @type {{ exports: { main?: (readAsset: typeof getRawAsset) => void } }} */
const agent = { exports: {} };
script.runInThisContext()(agent.exports, require, agent);
agent.exports.main?.(getRawAsset);
