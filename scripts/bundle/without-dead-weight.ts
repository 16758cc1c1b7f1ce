import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin, PluginBuild } from "esbuild";

/**
 * Leaves out of a bundle what its libraries would only spend time on, ssh2 above all.
 *
 * - Its optional addons. `cpu-features`: loading throws, as where it is not installed. `sshcrypto.node`, which needs
 *   Node's own headers and C++: on the host as well, and ssh2 falls back to node:crypto; in the agent the project's
 *   addon stands in for it (src/tether/ssh2-addon.ts).
 * - `poly1305.js`, 40 KB of WebAssembly that is compiled on every start although it serves one cipher,
 *   chacha20-poly1305, which our two sides never offer. `init()` (lib/protocol/crypto.js) still has to
 *   resolve, so the stub is a module whose functions fail when they are used after all.
 * - `http-agents.js`, HTTP through a tunnel, which loads node:http, node:https and node:tls for nobody.
 * - `zlib`, of which ssh2 makes an object at load time only to get at its class (2 ms and 40 KB): ours does it
 *   when a peer wants compression.
 * - `crypto`, seen from ssh2: its lists of ciphers, hashes and curves take OpenSSL 5 ms (natively) to put together,
 *   at load time; ours names what ssh2 knows and Node has. And ssh2 gives a cipher its key as bytes, for each packet
 *   anew: Node makes a key object of them each time, which took 0.21 ms of a packet's 0.28 in a guest under TCG, and
 *   left as much again to the garbage collector. A connection's keys do not change in place, so one object will do.
 * - The probe for Ed25519 (`constants.js`), a signature and its verification at load time: Node has it.
 * - `bcrypt-pbkdf` (and with it tweetnacl), which serves private keys with a passphrase; ours have none.
 * - Of `prom-client` all but its registry, counters, gauges and histograms: default metrics of a process, clusters, a
 *   push gateway and summaries, with OpenTelemetry and a digest behind them. Each start of `vch` reads the whole bundle.
 * - `long`: our protobuf modules read 64-bit integers as numbers (scripts/generate-protocol.ts).
 *
 * And repairs what bundling breaks: ssh2 knows its own class `Session` by its name, which esbuild changes because
 * ours has the same. A client that went before its channel had a command ended the agent.
 */
export function withoutDeadWeight(isAgent: boolean): Plugin {
  return { name: "without-dead-weight", setup: (build) => setUp(build, isAgent) };
}

function setUp(build: PluginBuild, isAgent: boolean): void {
  build.onLoad({ filter: /ssh2\/lib\/protocol\/crypto\.js$/ }, ({ path }) => ({
    contents: withoutPadding(path),
    loader: "js",
  }));
  build.onLoad({ filter: /ssh2\/lib\/protocol\/constants\.js$/ }, ({ path }) => ({
    contents: withoutProbe(path),
    loader: "js",
  }));
  build.onLoad({ filter: /ssh2\/lib\/utils\.js$/ }, ({ path }) => ({
    contents: withoutClassName(path),
    loader: "js",
  }));
  if (isAgent) build.onResolve({ filter: /\/sshcrypto\.node$/ }, () => ({ path: AGENT_ADDON }));
  for (const { filter, contents } of isAgent ? stubs : [...stubs, ...hostStubs]) {
    const namespace = `stub ${filter.source}`;
    build.onResolve({ filter }, ({ path }) => ({ path, namespace }));
    build.onLoad({ filter: /.*/, namespace }, () => ({ contents, loader: "js" }));
  }
}

/** What stands for ssh2's addon in the agent. */
const AGENT_ADDON = join(import.meta.dirname, "../../src/tether/ssh2-addon.ts");

/** Leaves the probe out; an ssh2 in which it is not found is not the one that this was written for. */
function withoutProbe(path: string): string {
  const source = readFileSync(path, "utf8");
  const result = source.replace(
    /const eddsaSupported = \(\(\) => \{[\s\S]*?\n\}\)\(\);/,
    "const eddsaSupported = true;",
  );
  if (result === source) throw new Error(`${path}: the probe for Ed25519 is not where it was`);
  return result;
}

/** Our addon makes a packet's padding when it seals it: a call less, of 0.1 ms under TCG. */
function withoutPadding(path: string): string {
  const source = readFileSync(path, "utf8");
  const result = source.replace(
    /(class AESGCMCipherBinding \{[\s\S]*?)\n *randomFillSync\(packet, 5 \+ payloadLen, padLen\);/,
    "$1",
  );
  if (result === source) throw new Error(`${path}: the padding of GCM packets is not where it was`);
  return result;
}

/** A server's session has no streams before its command: that tells it as well. */
function withoutClassName(path: string): string {
  const source = readFileSync(path, "utf8");
  const result = source.replace("channel.constructor.name === 'Session'", "channel.incoming === undefined");
  if (result === source) throw new Error(`${path}: the test for a session is not where it was`);
  return result;
}

const knownCrypto = `
const crypto = require("node:crypto");
const keyObjects = new WeakMap();
function keyObjectOf(key) {
  let object = keyObjects.get(key);
  if (object === undefined) keyObjects.set(key, (object = crypto.createSecretKey(key)));
  return object;
}
module.exports = Object.create(crypto, {
  createCipheriv: { value: (name, key, ...rest) => crypto.createCipheriv(name, keyObjectOf(key), ...rest) },
  createDecipheriv: { value: (name, key, ...rest) => crypto.createDecipheriv(name, keyObjectOf(key), ...rest) },
  getCiphers: { value: () => [
    "aes-128-gcm", "aes-192-gcm", "aes-256-gcm", "aes-128-ctr", "aes-192-ctr", "aes-256-ctr",
    "aes-128-cbc", "aes-192-cbc", "aes-256-cbc",
  ] },
  getHashes: { value: () => ["md5", "sha1", "sha256", "sha384", "sha512"] },
  getCurves: { value: () => ["prime256v1", "secp384r1", "secp521r1"] },
});
`;

const absentBcrypt = `
exports.pbkdf = () => { throw new Error("private keys with a passphrase are not part of this build"); };
`;

const absentAddon =
  "throw Object.assign(new Error('optional addon left out'), { code: 'MODULE_NOT_FOUND' });";

const absentPoly1305 = `
const fail = () => { throw new Error("chacha20-poly1305 is not part of this build"); };
module.exports = async () => ({ _malloc: () => 0, cwrap: () => fail });
`;

const lazyZlib = `
const handle = (...args) => new (require("node:zlib").createInflate()._handle.constructor)(...args);
module.exports = {
  createInflate: () => ({ _handle: { constructor: function (mode) { return handle(mode); } } }),
  constants: {
    DEFLATE: 1, INFLATE: 2, Z_DEFAULT_CHUNK: 16384, Z_DEFAULT_COMPRESSION: -1, Z_DEFAULT_MEMLEVEL: 8,
    Z_DEFAULT_STRATEGY: 0, Z_DEFAULT_WINDOWBITS: 15, Z_PARTIAL_FLUSH: 1,
  },
};
`;

/** In the host's bundle; in the agent's the project's addon stands for ssh2's. */
const hostStubs = [
  { filter: /\/sshcrypto\.node$/, contents: absentAddon },
  // As prom-client's index writes them.
  {
    filter: /^\.\/lib\/(?:cluster|defaultMetrics|pushgateway|summary)$/,
    contents: "module.exports = undefined;",
  },
];

const stubs = [
  { filter: /^cpu-features$/, contents: absentAddon },
  { filter: /\/crypto\/poly1305\.js$/, contents: absentPoly1305 },
  { filter: /\/http-agents\.js$/, contents: "module.exports = {};" },
  { filter: /^bcrypt-pbkdf$/, contents: absentBcrypt },
  // Without `node:`, as ssh2 writes them; our own code writes `node:zlib`.
  { filter: /^crypto$/, contents: knownCrypto },
  { filter: /^zlib$/, contents: lazyZlib },
  { filter: /^long$/, contents: "module.exports = undefined;" },
];
