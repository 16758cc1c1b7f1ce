import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { isAgentImage } from "../../../src/protocol/agent-image.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";
import { agentSuperblock } from "../../support/agent-superblock.ts";

describe("an agent image", () => {
  const folder = useTemporaryFolder();
  const isOne = (content: Uint8Array): boolean => {
    const file = join(folder.path, "image");
    writeFileSync(file, content);
    return isAgentImage(file);
  };

  it("is told by its superblock, as stage 0 does it", () => {
    const image = agentSuperblock();
    assert.equal(isOne(image), true);
    for (const at of [1024, 1024 + 48, 1024 + 63]) {
      const other = Buffer.from(image);
      other[at] = (other[at] ?? 0) ^ 1;
      assert.equal(isOne(other), false, `byte ${at}`);
    }
    assert.equal(isOne(image.subarray(0, 1024 + 63)), false);
  });

  it("is nothing else", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2048 }), (content) => !isOne(content)));
  });

  it("has to be there", () => {
    assert.throws(() => isAgentImage(join(folder.path, "none")), /ENOENT/);
  });
});
