import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";
import ssh2 from "ssh2";
import { makeKeyPair } from "../../src/portlayer/interaction/link-keys.ts";
import { loadNativeAddon } from "../../src/system/linux-system.ts";
import { NativePacketCiphers } from "../../src/system/packet-ciphers.ts";
import type { WarmUpTools } from "../../src/tether/warm-up.ts";

// Runs the bundle's warm-up and writes V8's code cache for the bundle, which then holds every function that was
// used, not only those that V8 compiles eagerly. `node run-warm-up.ts BUNDLE CACHE ADDON`

interface AgentBundle {
  warmUp?: (tools: WarmUpTools) => Promise<void>;
}

/**
 * V8's features that are off during the warm-up. Functions not used for a while would lose their bytecode, and be
 * missing in the cache; the optimisers, which work by the clock, note in functions how hot they were, and the
 * same bundle would give another cache each time.
 */
const featuresOff = ["flush-bytecode", "sparkplug", "maglev", "opt"];

for (const feature of featuresOff) setFlagsFromString(`--no-${feature}`);

const [bundle = "", cache = "", addon = ""] = process.argv.slice(2);
const script = new Script(readFileSync(bundle, "latin1"), { filename: "agent.js" });
const agent: { exports: AgentBundle } = { exports: {} };
script.runInThisContext()(agent.exports, createRequire(import.meta.url), agent);
await agent.exports.warmUp?.({
  Client: ssh2.Client,
  generateKey: makeKeyPair,
  parseKey: (key) => ssh2.utils.parseKey(key),
  packetCiphers: new NativePacketCiphers(loadNativeAddon(addon)),
});

// The cache's key includes the flags of the moment when it is made.
for (const feature of featuresOff) setFlagsFromString(`--${feature}`);
writeFileSync(cache, script.createCachedData());
// Whatever the warm-up left open must not keep the build waiting.
process.exit(0);
