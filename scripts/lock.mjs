import { readFileSync, writeFileSync } from "node:fs";
import { completeLock } from "./lock/complete-lock.mjs";
import { npmEnvironment, npmProgram } from "./set-up/npm.mjs";
import { fromRoot } from "./set-up/project.mjs";
import { runTool } from "./set-up/run-tool.mjs";

// `npm run lock`: brings package-lock.json up to package.json. Use it in place of a bare `npm install`.

const { program, args } = npmProgram();
const options = ["install", "--package-lock-only", "--ignore-scripts", "--loglevel=error"];
await runTool(program, [...args, ...options], { verbose: true, env: npmEnvironment() });
const path = fromRoot("package-lock.json");
writeFileSync(path, `${JSON.stringify(completeLock(JSON.parse(readFileSync(path, "utf8"))), null, 2)}\n`);
