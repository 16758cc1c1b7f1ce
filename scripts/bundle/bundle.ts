import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { withoutDeadWeight } from "./without-dead-weight.ts";

const packagePath = join(import.meta.dirname, "../../package.json");
const { version: packageVersion } = JSON.parse(readFileSync(packagePath, "utf8")) as { version: string };

/**
 * Bundles `entry` and all that it imports into one CommonJS file, which calls itself by the package's version.
 *
 * Names and lines stay as they are, for stack traces: with a code cache the source is not parsed at start, and
 * minified whitespace saved no measurable time. ASCII only, so that it can be read as Latin-1, which V8 keeps
 * at one byte per character.
 */
export async function bundle(
  entry: string,
  output: string,
  { isAgent, version = packageVersion }: { readonly isAgent: boolean; readonly version?: string },
): Promise<void> {
  const form = isAgent ? agentForm : hostForm;
  await build({
    entryPoints: [entry],
    outfile: output,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    charset: "ascii",
    // `import()` of a builtin module becomes require(): a script of `vm.Script` has no import().
    supported: { "dynamic-import": false },
    legalComments: "none",
    minifySyntax: true,
    logLevel: "warning",
    plugins: [withoutDeadWeight(isAgent)],
    ...form,
    define: { ...form.define, TETHER_VERSION: JSON.stringify(version) },
    logOverride: { "empty-import-meta": "error" },
  });
}

/** One function expression, as `vm.Script` runs it with a `require` of our choice; there are no files beside it. */
const agentForm = {
  banner: { js: "(function (exports, require, module) {" },
  footer: { js: "})" },
  // ssh2 names a Windows helper by its own folder.
  define: { __dirname: '"/"', __filename: '"/agent.js"' },
};

/** A module in build/vch, which is as deep in the checkout as the folders of src are. */
const hostForm = {
  define: { "import.meta.dirname": "__dirname", "import.meta.filename": "__filename" },
};
