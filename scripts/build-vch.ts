import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "./bundle/bundle.ts";

// Builds the host's program: build/vch/vch.cjs, which bin/vch starts. `node scripts/build-vch.ts [MAIN [FOLDER]]`

/**
 * Starts one of the two bundles beside it: all of vch, or that and the endpoint, which every other command would have to
 * load. With Node's compile cache; where that does not fit or cannot be written, Node goes on without.
 */
const bootstrapSource = `"use strict";
require("node:module").enableCompileCache(require("node:path").join(__dirname, "cache"));
const command = process.argv.slice(2).find((word) => !word.startsWith("-"));
require(command === "serve" ? "./serve.cjs" : "./main.cjs");
`;

const root = join(import.meta.dirname, "..");
const main = process.argv[2] ?? join(root, "src/cli/main.ts");
const folder = process.argv[3] ?? join(root, "build/vch");

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
await bundle(main, join(folder, "main.cjs"), { isAgent: false });
// A test's own program has no endpoint.
if (process.argv[2] === undefined)
  await bundle(join(root, "src/cli/main-serve.ts"), join(folder, "serve.cjs"), { isAgent: false });
const bootstrap = join(folder, "vch.cjs");
writeFileSync(bootstrap, bootstrapSource);

// The first run fills the compile cache, and shows that the bundle starts at all.
const { status, stderr } = spawnSync(process.execPath, [bootstrap, "version"], { encoding: "utf8" });
if (status !== 0) throw new Error(`the built vch does not start: ${stderr}`);
