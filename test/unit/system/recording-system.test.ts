import assert from "node:assert/strict";
import { SystemCallError } from "../../../src/system/system-call-error.ts";
import { RecordingSystem } from "../../support/recording-system.ts";

describe("RecordingSystem", () => {
  it("records every call in order and lets it succeed", () => {
    const system = new RecordingSystem();
    system.mount("proc", "/proc", "proc", 0, null);
    assert.notEqual(system.memoryFile("a", new Uint8Array(0)), system.pipe()[0]);
    assert.equal(system.peekChild(), undefined);
    assert.deepEqual(
      system.calls.map(({ call }) => call),
      ["mount", "memoryFile", "pipe", "peekChild"],
    );
    assert.deepEqual(system.argumentsOf("mount"), [["proc", "/proc", "proc", 0, null]]);
  });

  it("answers and fails as told", () => {
    const system = new RecordingSystem()
      .answer("spawn", () => 7)
      .fail("mount", "EBUSY", (_source, target) => target === "/busy");
    assert.equal(system.spawn({ path: "/x", args: [], env: [], descriptors: [] }), 7);
    system.mount(null, "/free", null, 0, null);
    assert.throws(
      () => system.mount(null, "/busy", null, 0, null),
      (error: unknown) => {
        assert.ok(error instanceof SystemCallError);
        assert.deepEqual(
          [error.code, error.errno, error.syscall, error.path],
          ["EBUSY", -16, "mount", "/busy"],
        );
        return true;
      },
    );
    assert.equal(system.calls.length, 3);
  });
});
