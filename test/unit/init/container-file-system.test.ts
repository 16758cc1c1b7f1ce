import assert from "node:assert/strict";
import { unmountLayerDisk } from "../../../src/init/index.ts";
import { RecordingSystem } from "../../support/recording-system.ts";

describe("the layer disk", () => {
  it("is taken out of view at once, though processes may still use it", () => {
    const system = new RecordingSystem();
    unmountLayerDisk(system);
    assert.deepEqual(system.argumentsOf("unmount"), [["/container", 2]]);
  });
});
