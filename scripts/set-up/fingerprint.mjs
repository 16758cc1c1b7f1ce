import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { readStamp } from "./stamps.mjs";

/**
 * What a step depends on: a file or folder relative to the root (a missing one counts as such), a value, or
 * everything that another step depends on.
 *
 * @typedef {string | { value: string } | { step: string }} Input
 */

/**
 * One SHA-256 over the names and contents of all inputs. Times don't count: a fresh clone or a branch
 * switched there and back gives the same fingerprint.
 *
 * @param {string} root
 * @param {readonly Input[]} inputs
 * @returns {string} hexadecimal
 */
export function fingerprint(root, inputs) {
  const hash = createHash("sha256");
  for (const input of inputs) {
    if (typeof input === "string") addPath(hash, root, input);
    else if ("value" in input) addField(hash, "value", input.value);
    else addField(hash, `step ${input.step}`, readStamp(root, input.step) ?? "none");
  }
  return hash.digest("hex");
}

/**
 * @param {import("node:crypto").Hash} hash
 * @param {string} root
 * @param {string} path
 */
function addPath(hash, root, path) {
  const absolute = join(root, path);
  const status = lstatSync(absolute, { throwIfNoEntry: false });
  if (status === undefined) addField(hash, `absent ${path}`, "");
  else if (status.isSymbolicLink()) addField(hash, `link ${path}`, readlinkSync(absolute));
  else if (status.isDirectory())
    for (const name of readdirSync(absolute).sort()) addPath(hash, root, join(path, name));
  else if (status.isFile())
    addField(hash, `file ${path} ${status.mode & 0o111 ? "x" : "-"}`, readFileSync(absolute));
}

/**
 * With its length in front, so that no two lists of fields run together to the same bytes.
 *
 * @param {import("node:crypto").Hash} hash
 * @param {string} label
 * @param {string | Buffer} content
 */
function addField(hash, label, content) {
  hash.update(`${label}\0${Buffer.byteLength(content)}\0`).update(content);
}
