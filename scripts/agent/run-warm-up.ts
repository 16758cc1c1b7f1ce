import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";
import ssh2 from "ssh2";
import type { WarmUpTools } from "../../src/tether/warm-up.ts";

// Runs the bundle's warm-up and writes V8's code cache for the bundle, which then holds every function that was
// used, not only those that V8 compiles eagerly. `node run-warm-up.ts BUNDLE CACHE`

interface AgentBundle {
  warmUp?: (tools: WarmUpTools) => Promise<void>;
}

// Functions not used for a while lose their bytecode, and would be missing in the cache. Taken back before the
// cache is made, whose key includes the flags of that moment.
setFlagsFromString("--no-flush-bytecode");

const [bundle = "", cache = ""] = process.argv.slice(2);
const script = new Script(readFileSync(bundle, "latin1"), { filename: "agent.js" });
const agent: { exports: AgentBundle } = { exports: {} };
script.runInThisContext()(agent.exports, createRequire(import.meta.url), agent);
await agent.exports.warmUp?.({
  Client: ssh2.Client,
  generateKey: () => ssh2.utils.generateKeyPairSync("ed25519"),
  parseKey: (key) => ssh2.utils.parseKey(key),
});

setFlagsFromString("--flush-bytecode");
writeFileSync(cache, script.createCachedData());
// Whatever the warm-up left open must not keep the build waiting.
process.exit(0);
