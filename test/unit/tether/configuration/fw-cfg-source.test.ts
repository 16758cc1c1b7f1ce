import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { takeFwCfgConfiguration } from "../../../../src/tether/configuration/fw-cfg-source.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { RecordingSystem } from "../../../support/recording-system.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

describe("the configuration in fw_cfg", () => {
  const folder = useTemporaryFolder();
  const item = (): string => join(folder.path, "opt/tether/config/raw");
  const put = (content: Uint8Array): void => {
    mkdirSync(join(item(), ".."), { recursive: true });
    writeFileSync(item(), content);
  };

  it("is read whole, and gone from the kernel before anybody else could read it", () => {
    const content = Buffer.from(Array.from({ length: 5000 }, (_, index) => index & 0xff));
    put(content);
    // The driver's files go with it.
    const system = new RecordingSystem().answer("unloadModule", () => rmSync(item()));
    assert.ok(content.equals(takeFwCfgConfiguration(system, folder.path)));
    assert.deepEqual(system.calls, [{ call: "unloadModule", args: ["qemu_fw_cfg"] }]);
    assert.throws(() => readFileSync(item()));
  });

  it("is not used when it cannot be taken out of the kernel", () => {
    put(Buffer.from("secret"));
    const system = new RecordingSystem().fail("unloadModule", "EWOULDBLOCK");
    assert.throws(() => takeFwCfgConfiguration(system, folder.path), { code: "EWOULDBLOCK" });
  });

  it("that is missing is named", () => {
    assert.throws(
      () => takeFwCfgConfiguration(new RecordingSystem(), folder.path),
      catalogueError(
        "guest-initialisation",
        /^no configuration: the VM has no fw_cfg item opt\/tether\/config$/,
      ),
    );
  });
});
