import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeErofs } from "../../iso-build/agent-image/index.ts";
import { ROOT } from "./project-files.ts";

/** The version of the agent on {@link anotherAgentImage}. */
export const ANOTHER_VERSION = "9.9.9";

const IMAGES = join(ROOT, "build/test-agents");
const MAIN = fileURLToPath(import.meta.resolve("./agents/another-agent.ts"));

/** Everything that the image is made of changes one of these. */
const PRESENT_IMAGE = join(ROOT, "build/boot/agent.erofs");
const INPUTS = [
  PRESENT_IMAGE,
  ...["agent.js", "agent.cache", "prefetch"].map((name) => join(ROOT, "build/agent", name)),
  MAIN,
];

/**
 * A folder with the image of an agent of {@link ANOTHER_VERSION}, as test/support/agents/another-agent.ts has it. It is
 * built once, in some seconds.
 */
export async function anotherAgentImage(): Promise<string> {
  const hash = createHash("sha256");
  for (const input of INPUTS) hash.update(readFileSync(input));
  const folder = join(IMAGES, hash.digest("hex").slice(0, 32));
  if (existsSync(folder)) return folder;
  // Those of earlier sources.
  rmSync(IMAGES, { recursive: true, force: true });
  const made = `${folder}.new`;
  const [built, tree] = [join(made, "built"), join(made, "tree")];
  mkdirSync(made, { recursive: true });
  const script = join(ROOT, "scripts/build-agent.ts");
  execFileSync(process.execPath, [script, MAIN, built, ANOTHER_VERSION], { stdio: "pipe" });
  // Everything else, its programs and modules, is as in the present one.
  execFileSync("fsck.erofs", [`--extract=${tree}`, PRESENT_IMAGE], { stdio: "pipe" });
  for (const name of ["tether", "prefetch"]) copyFileSync(join(built, name), join(tree, name));
  await makeErofs(tree, join(made, "agent.erofs"), "plain");
  for (const path of [built, tree]) rmSync(path, { recursive: true });
  renameSync(made, folder);
  return folder;
}
