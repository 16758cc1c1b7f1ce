import { deepEqual, equal } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findViolations } from "../support/layer-rules.ts";

const root = join(import.meta.dirname, "../..");

function sourceFiles(): string[] {
  return readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .map((path) => `src/${path}`)
    .filter((path) => path.endsWith(".ts") && !path.startsWith("src/protocol/generated/"));
}

describe("the layers", () => {
  it("are kept by every file of src", () => {
    const files = sourceFiles();
    equal(files.includes("src/system/system.ts"), true, "no file was checked");
    deepEqual(
      files.flatMap((file) => findViolations(file, readFileSync(join(root, file), "utf8"))),
      [],
    );
  });

  const planted: [what: string, file: string, source: string][] = [
    ["the guest using the host", "src/tether/x.ts", 'import { a } from "../portlayer/index.ts";'],
    ["the host using the guest", "src/portlayer/x.ts", 'import { a } from "../session/index.ts";'],
    ["a type of the other side", "src/cli/x.ts", 'import type { A } from "../tether/agent.ts";'],
    ["session using stats", "src/session/deep/x.ts", 'export { a } from "../../stats/index.ts";'],
    ["the shared code using either side", "src/protocol/x.ts", 'import "../system/system.ts";'],
    ["the endpoint going past the port layer", "src/endpoint/x.ts", 'import "../hypervisor/index.ts";'],
    ["a dynamic import", "src/init/x.ts", 'await import(\n  "../session/index.ts"\n);'],
    ["an import over several lines", "src/init/x.ts", 'import {\n  a,\n} from\n  "../tether/agent.ts";'],
    ["product code using a test's", "src/init/x.ts", 'import "../../test/support/layer-rules.ts";'],
    ["SSH in the session", "src/session/x.ts", 'import type { Channel } from "ssh2";'],
    ["a child process in the guest", "src/init/x.ts", 'import { spawn } from "node:child_process";'],
    ["the addon loaded elsewhere", "src/session/x.ts", "process.dlopen(module, path);"],
    ["a file of 501 lines", "src/init/x.ts", "x;\n".repeat(501)],
    ["a folder without a rule", "src/utils/x.ts", ""],
  ];
  for (const [what, file, source] of planted) {
    it(`checker finds ${what}`, () => equal(findViolations(file, source).length, 1));
  }

  it("checker lets through what is allowed", () => {
    deepEqual(
      findViolations("src/tether/x.ts", 'import { Server } from "ssh2";\nimport "../init/index.ts";'),
      [],
    );
    deepEqual(findViolations("src/hypervisor/qemu/x.ts", 'import { spawn } from "node:child_process";'), []);
    deepEqual(findViolations("src/init/x.ts", "x;\n".repeat(500)), []);
  });
});
