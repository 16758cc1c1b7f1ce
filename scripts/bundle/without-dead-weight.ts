import type { Plugin } from "esbuild";

/**
 * Leaves out of a bundle what ssh2 would only spend time on.
 *
 * - Its optional addons (`cpu-features`, `sshcrypto.node`): loading throws, as where they are not installed, and
 *   ssh2 falls back to node:crypto, which is as fast for AES-GCM.
 * - `poly1305.js`, 40 KB of WebAssembly that is compiled on every start although it serves one cipher,
 *   chacha20-poly1305, which our two sides never offer. `init()` (lib/protocol/crypto.js) still has to
 *   resolve, so the stub is a module whose functions fail when they are used after all.
 * - `http-agents.js`, HTTP through a tunnel, which loads node:http, node:https and node:tls for nobody.
 * - `zlib`, of which ssh2 makes an object at load time only to get at its class (2 ms and 40 KB): ours does it
 *   when a peer wants compression.
 * - `long`: our protobuf modules read 64-bit integers as numbers (scripts/generate-protocol.ts).
 */
export const withoutDeadWeight: Plugin = {
  name: "without-dead-weight",
  setup(build) {
    for (const { filter, contents } of stubs) {
      const namespace = `stub ${filter.source}`;
      build.onResolve({ filter }, ({ path }) => ({ path, namespace }));
      build.onLoad({ filter: /.*/, namespace }, () => ({ contents, loader: "js" }));
    }
  },
};

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

const stubs = [
  { filter: /^cpu-features$/, contents: absentAddon },
  { filter: /\/sshcrypto\.node$/, contents: absentAddon },
  { filter: /\/crypto\/poly1305\.js$/, contents: absentPoly1305 },
  { filter: /\/http-agents\.js$/, contents: "module.exports = {};" },
  // Without `node:`, as ssh2 writes it; our own code writes `node:zlib`.
  { filter: /^zlib$/, contents: lazyZlib },
  { filter: /^long$/, contents: "module.exports = undefined;" },
];
