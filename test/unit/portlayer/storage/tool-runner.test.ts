import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { lastMeaningfulLine, runTool } from "../../../../src/portlayer/storage/tool-runner.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

describe("lastMeaningfulLine", () => {
  const examples: readonly [what: string, output: string, line: string | undefined][] = [
    [
      "skopeo's fatal message",
      'time="2024" level=fatal msg="reading \\"a\\": no such file\\nor folder"\n',
      'reading "a": no such file or folder',
    ],
    [
      "umoci's last step",
      "   • unpacking rootfs ...\n   ⨯ unpack layer: hard link: no such file\n",
      "unpack layer: hard link: no such file",
    ],
    [
      "mke2fs's complaint",
      "mke2fs: No space left on device while writing\n\n",
      "No space left on device while writing",
    ],
    ["a message with an escape that JSON does not know", 'level=fatal msg="a\\x00b"', "a\\x00b"],
    ["silence", " \n", undefined],
  ];
  for (const [what, output, line] of examples)
    it(`finds ${what}`, () => assert.equal(lastMeaningfulLine(output), line));
});

describe("runTool", () => {
  const folder = useTemporaryFolder();

  it("names the package of a tool that this machine does not have", async () => {
    symlinkSync("/usr/bin/setpriv", join(folder.path, "setpriv"));
    const environment = { PATH: folder.path };
    await assert.rejects(runTool("umoci", [], { environment }), {
      code: "tool-missing",
      message: "vch needs umoci: apt-get install umoci",
    });
  });

  it("gives a tool's own words when it fails", async () => {
    await assert.rejects(runTool("find", ["/nowhere"], {}), {
      name: "ToolError",
      message: "find: '/nowhere': No such file or directory",
    });
  });
});
