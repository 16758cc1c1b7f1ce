import { delimiter } from "node:path";
import { fromRoot } from "./project.mjs";

/**
 * How to call npm: the one that called us when there is one, since it need not be on the path.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {{ program: string, args: string[] }}
 */
export function npmProgram(env = process.env) {
  const path = env["npm_execpath"];
  const node = env["npm_node_execpath"];
  return path !== undefined && node !== undefined
    ? { program: node, args: [path] }
    : { program: "npm", args: [] };
}

/**
 * The environment for npm: without our own node_modules/.bin on the path, because `npm ci` deletes the Node
 * in there, which it must not be running on.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {NodeJS.ProcessEnv}
 */
export function npmEnvironment(env = process.env) {
  const ours = fromRoot("node_modules/.bin");
  const path = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== ours);
  return { ...env, PATH: path.join(delimiter) };
}
