// build/vch/vch.cjs, which bin/vch starts: the bundle beside it, with Node's compile cache. The build has filled
// the cache; where it does not fit or cannot be written, Node goes on without it.
"use strict";
const { enableCompileCache } = require("node:module");
const { join } = require("node:path");

enableCompileCache(join(__dirname, "cache"));
require("./main.cjs");
