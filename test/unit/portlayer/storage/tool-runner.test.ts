import assert from "node:assert/strict";

import { lastMeaningfulLine } from "../../../../src/portlayer/storage/tool-runner.ts";

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
