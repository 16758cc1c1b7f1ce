// Runs a bundle as a program would and writes V8's code cache for it, which then holds every function that was
// used, not only those that V8 compiles eagerly. `node warm-up.cjs BUNDLE CACHE FILENAME`
"use strict";
const { readFileSync, writeFileSync } = require("node:fs");
const { setFlagsFromString } = require("node:v8");
const { Script } = require("node:vm");

// Functions not used for a while lose their bytecode, and would be missing in the cache. Taken back before the
// cache is made, whose key includes the flags of that moment.
setFlagsFromString("--no-flush-bytecode");

const [bundle, cache, filename] = process.argv.slice(2);
const script = new Script(readFileSync(bundle, "latin1"), { filename });
const bundled = { exports: {} };
script.runInThisContext()(bundled.exports, require, bundled);

Promise.resolve(bundled.exports.warmUp?.()).then(
  () => {
    setFlagsFromString("--flush-bytecode");
    writeFileSync(cache, script.createCachedData());
    // Whatever the warm-up left open must not keep the build waiting.
    process.exit(0);
  },
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
