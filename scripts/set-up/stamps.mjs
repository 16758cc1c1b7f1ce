import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * What the step was last completed with, or undefined when it never was (or was interrupted).
 *
 * @param {string} root
 * @param {string} name of the step
 * @returns {string | undefined}
 */
export function readStamp(root, name) {
  try {
    return readFileSync(stampPath(root, name), "utf8").trim();
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * @param {string} root
 * @param {string} name
 * @param {string} content
 */
export function writeStamp(root, name, content) {
  const path = stampPath(root, name);
  mkdirSync(dirname(path), { recursive: true });
  // Renamed into place: a stamp is whole or absent, also after a power cut in the middle.
  writeFileSync(`${path}.new`, `${content}\n`);
  renameSync(`${path}.new`, path);
}

/**
 * @param {string} root
 * @param {string} name
 */
export function removeStamp(root, name) {
  rmSync(stampPath(root, name), { force: true });
}

/**
 * @param {string} root
 * @param {string} name
 */
function stampPath(root, name) {
  return join(root, "build", ".stamps", name);
}
