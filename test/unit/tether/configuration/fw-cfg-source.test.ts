import assert from "node:assert/strict";
import { readFwCfgConfiguration } from "../../../../src/tether/configuration/fw-cfg-source.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { RecordingSystem } from "../../../support/recording-system.ts";

describe("the configuration in fw_cfg", () => {
  it("is the item that the host wrote", () => {
    const content = Buffer.from(Array.from({ length: 5000 }, (_, index) => index & 0xff));
    const system = new RecordingSystem().answer("readFwCfg", () => content);
    assert.equal(readFwCfgConfiguration(system), content);
    assert.deepEqual(system.calls, [{ call: "readFwCfg", args: ["opt/tether/config"] }]);
  });

  it("that is missing is named", () => {
    assert.throws(
      () => readFwCfgConfiguration(new RecordingSystem()),
      catalogueError(
        "guest-initialisation",
        /^no configuration: the VM has no fw_cfg item opt\/tether\/config$/,
      ),
    );
  });
});
